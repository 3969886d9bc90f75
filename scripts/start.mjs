// `npm start`: installs, builds, forks the sample session with the offline demo model, then opens the editor on it.
//   npm start -- --headless          ends after the printed comparison
//   npm start -- --claude-dir DIR    real sessions instead of the sample
import { spawn, spawnSync } from 'node:child_process';
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
const env = claudeDir
  ? { CLAUDE_CONFIG_DIR: claudeDir }
  : {
      CLAUDE_CONFIG_DIR: path.join(root, 'demo/claude'),
      FORKPOINT_HOME: path.join(scratch, 'forkpoint'),
      FORKPOINT_DEMO: '1',
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

/** Runs our command line. @returns what it printed on stdout, where it is caught */
function forkpoint(args, catchOutput = false) {
  const stdout = catchOutput ? 'pipe' : 'inherit';
  const { status, stdout: output } = spawnSync('node', ['dist/cli.js', ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['inherit', stdout, 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) {
    if (output) console.error(output);
    process.exit(status ?? 1);
  }
  return output;
}

function runDemo() {
  const run = JSON.parse(forkpoint(['fork', '--file', 'demo/demo.fork.yaml', '--demo', '--json'], true));
  console.log('');
  forkpoint(['status', run.runId]);
  console.log('');
  forkpoint(['compare', run.runId]);
}

/** The folder that the sample session was recorded in, as far as a demo goes. */
function workspace() {
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
  const child = spawn(code, args, { env: { ...process.env, ...env }, stdio: 'inherit' });
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
    env,
    inheritEnvironment: true,
  });
  console.log(`\nThe editor is ready: ${server.url}\nCtrl+C ends it.`);
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => void server.stop().then(() => process.exit(0)));
}

build();
if (claudeDir) forkpoint(['list', '--limit', '20']);
else runDemo();
if (!values.headless) {
  const { onPath } = await import('./tools/toolsFolder.ts');
  const hasDisplay = process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  const code = hasDisplay ? onPath('code', 'code.cmd') : null;
  if (code) openVsCode(code);
  else await openCodeServer();
}
