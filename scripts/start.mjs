// `npm start`: installs, builds, forks the sample session offline, then opens the editor on it. Where a Claude Code is found
// (FORKPOINT_CLAUDE, else PATH) it works in the branches, answered by the demo's model on loopback; else that model answers alone.
//   npm start -- --headless          ends after what is printed
//   npm start -- --claude-dir DIR    real sessions instead of the sample
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { bootstrap, root } from './bootstrap.mjs';

bootstrap(import.meta.filename);

const { values } = parseArgs({ options: { headless: { type: 'boolean' }, 'claude-dir': { type: 'string' } } });
const claudeDir = values['claude-dir'] && path.resolve(process.env.INIT_CWD ?? process.cwd(), values['claude-dir']);
if (claudeDir && !existsSync(claudeDir)) {
  console.error(`${claudeDir} isn't there. --claude-dir names Claude Code's folder, usually ~/.claude.`);
  process.exit(2);
}
/** Profiles, packages and the demo's runs; git ignores it. */
const scratch = path.join(root, 'artifacts/start');
/** What the command line and the editor are started with, and the folder that the editor opens. */
let stage = claudeDir
  ? { env: { ...process.env, CLAUDE_CONFIG_DIR: claudeDir }, project: null }
  : {
      env: {
        ...process.env,
        CLAUDE_CONFIG_DIR: path.join(root, 'demo/claude'),
        FORKPOINT_HOME: path.join(scratch, 'forkpoint'),
        FORKPOINT_DEMO: '1',
      },
      project: null,
    };

function newestChange(...names) {
  return Math.max(
    ...names.flatMap((name) => {
      const file = path.join(root, name);
      if (!existsSync(file)) return [0];
      if (!statSync(file).isDirectory()) return [statSync(file).mtimeMs];
      const entries = readdirSync(file, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      return entries.map((entry) => statSync(path.join(entry.parentPath, entry.name)).mtimeMs);
    }),
  );
}

function build() {
  const built = path.join(root, 'dist/cli.js');
  const sources = newestChange('src', 'demo', 'esbuild.mjs', 'package-lock.json', 'tsconfig.json');
  if (existsSync(built) && statSync(built).mtimeMs > sources) return;
  console.log('Building…');
  if (spawnSync('node', ['esbuild.mjs'], { cwd: root, stdio: 'inherit' }).status !== 0) process.exit(1);
}

/**
 * Runs our command line.
 * @returns what it printed on stdout, where that is caught
 * @throws where it ends with another exit code than 0, or 1 where `failing` branches are no failure
 */
async function forkpoint(args, { env = stage.env, caught = false, failing = false } = {}) {
  const child = spawn('node', ['dist/cli.js', ...args], {
    cwd: root,
    env,
    stdio: ['inherit', caught ? 'pipe' : 'inherit', 'inherit'],
  });
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const [status] = await once(child, 'close');
  if (status === 0 || (failing && status === 1)) return output;
  throw Object.assign(new Error(output || `forkpoint ${args[0]} ended with ${status}.`), { status });
}

/** Prints what a command prints, below the command. */
async function show(...args) {
  const words = args.map((word) => (/[^\w.-]/.test(word) ? JSON.stringify(word) : word));
  console.log(`\n$ forkpoint ${words.join(' ')}`);
  await forkpoint(args);
}

/** The demo's model answers a branch each, and nothing is executed. */
async function runDemo() {
  const output = await forkpoint(['fork', '--file', 'demo/demo.fork.yaml', '--demo', '--json'], { caught: true });
  const { runId } = JSON.parse(output);
  await show('status', runId);
  await show('compare', runId);
}

/** Three agents work in places of their own. @returns whether they could */
async function runAgentDemo(claude) {
  const { startDemoServer } = await import('../demo/demoServer.ts');
  const { prepareAgentStage } = await import('../demo/agentStage.ts');
  const server = await startDemoServer();
  try {
    console.log(`Three agents do one turn of a sample session anew, each in a place of its own. A demo model on this machine
answers them: no key, no network, no cost (what is printed as COST is what the models would have cost).\n`);
    const { env, project } = await prepareAgentStage(scratch, claude, server.url);
    const fork = ['fork', '--file', 'demo/agents.fork.yaml', '--yes', '--json'];
    // A branch whose tests fail is part of the story.
    const { runId, branches } = JSON.parse(await forkpoint(fork, { env, caught: true, failing: true }));
    if (branches.every(({ state }) => state !== 'completed')) throw new Error(branches[0].error?.message);
    stage = { env, project };
    await show('status', runId);
    await show('diff', runId, 'as recorded', 'cheaper');
    console.log(
      `\nNothing of ${path.relative(root, project)} was changed. The run stands in the editor under Forkpoint › Runs.`,
    );
    return true;
  } catch (error) {
    console.error(`\nThe agents of the demo didn't get to work: ${error.message}\nHere is the fork without them.`);
    return false;
  } finally {
    if (values.headless || stage.project === null) await server.close();
  }
}

/** The Claude Code to show agents with, absolute; null where there is none. */
function findClaude() {
  const named = process.env.FORKPOINT_CLAUDE;
  if (named) return path.resolve(process.env.INIT_CWD ?? process.cwd(), named);
  return onPath('claude', 'claude.exe', 'claude.cmd');
}

/** The folder that the sample session was recorded in, as far as a demo goes. */
function workspace() {
  if (stage.project !== null) return stage.project;
  const sample = path.join(root, 'demo/workspace');
  if (existsSync(sample)) return sample;
  const empty = path.join(scratch, 'workspace');
  mkdirSync(empty, { recursive: true });
  return empty;
}

function openVsCode(code) {
  const profile = [
    `--user-data-dir=${path.join(scratch, 'vscode')}`,
    `--extensions-dir=${path.join(scratch, 'vscode-extensions')}`,
  ];
  console.log(`Opening VS Code with a scratch profile in ${path.relative(root, scratch)}…`);
  const args = [`--extensionDevelopmentPath=${root}`, ...profile, '--new-window', '--wait', workspace()];
  // Its windows and keyring need the person's own home; Claude Code goes by its config folder.
  const home = process.env.HOME === undefined ? {} : { HOME: process.env.HOME };
  const child = spawn(code, args, { env: { ...stage.env, ...home }, stdio: 'inherit' });
  child.on('exit', (status) => process.exit(status ?? 1));
}

async function openCodeServer() {
  const { ensureTools } = await import('./tools.ts');
  if ((await ensureTools(['code-server'])).length > 0) process.exit(1);
  const { installVsix, startCodeServer } = await import('./codeServer.ts');
  const { packageExtension } = await import('./package.ts');
  const extensionsDir = path.join(scratch, 'extensions');
  mkdirSync(extensionsDir, { recursive: true });
  await installVsix(await packageExtension('platform'), extensionsDir, scratch);
  const server = await startCodeServer({
    extensionsDir,
    workspace: workspace(),
    home: scratch,
    env: stage.env,
    wholeEnvironment: true,
  });
  console.log(`\nThe editor is ready: ${server.url}\nCtrl+C ends it.`);
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => void server.stop().then(() => process.exit(0)));
}

build();
const { onPath } = await import('./tools/toolsFolder.ts');
try {
  if (claudeDir) await forkpoint(['list', '--limit', '20']);
  else {
    const claude = findClaude();
    if (claude === null || !(await runAgentDemo(claude))) await runDemo();
    if (claude === null) {
      console.log(
        '\nWith Claude Code on PATH (or named in FORKPOINT_CLAUDE) three agents would have edited files here, each in a place of its own.',
      );
    }
  }
} catch (error) {
  console.error(error.message);
  process.exit(error.status ?? 1);
}
if (!values.headless) {
  const hasDisplay = process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  const code = hasDisplay ? onPath('code', 'code.cmd') : null;
  if (code) openVsCode(code);
  else await openCodeServer();
}
