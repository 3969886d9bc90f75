import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { code, editorSettings, packageJson } from './sampleCode.ts';

/** What the agents of the demo live in: nothing of it is the user's. */
export interface AgentStage {
  /** The sample project, a git repository. */
  project: string;
  /** Whole environment of the command line, the editor and the agents. */
  env: Record<string, string>;
}

/** Claude Code keeps its end, to know again a key that was agreed to. */
const apiKey = 'forkpoint-demo-key-of-nobody';

const sessionId = '7d3c1f52-9a64-4c0e-8b1d-5e2f60a4c913';
const session = [
  { prompt: 'Why does slugify drop accents?', model: 'claude-sonnet-4-5' },
  { prompt: 'Fix it and add a test', model: 'claude-sonnet-4-5' },
  { prompt: 'Now handle emoji', model: 'claude-opus-4-5' },
  { prompt: 'Is a regex the right tool for this, or should it be Intl.Segmenter?', model: 'claude-opus-4-5' },
];

/**
 * Lays out the sample project in a home of its own below `scratch`, has Claude Code record a session in it, and says with which
 * environment agents are started there. What an earlier call laid out stays, with the runs that were made there.
 * @param claude the Claude Code to use, absolute
 * @param apiUrl address of the demo's API, which answers while the session is recorded
 * @throws where git or Claude Code can't be run
 */
export async function prepareAgentStage(scratch: string, claude: string, apiUrl: string): Promise<AgentStage> {
  // Another sample is another folder: runs and places of the old one stay what they are. Raise the number where the agent answers anew.
  const mark = createHash('sha256').update(JSON.stringify([2, session, code, packageJson, editorSettings]));
  const folder = path.join(scratch, `agents-${mark.digest('hex').slice(0, 8)}`);
  mkdirSync(folder, { recursive: true });
  const home = realpathSync(folder);
  const project = path.join(home, 'slug-tools');
  const configDir = path.join(home, '.claude');
  const env = {
    ...ownEnvironment(),
    HOME: home,
    CLAUDE_CONFIG_DIR: configDir,
    FORKPOINT_HOME: path.join(home, '.forkpoint'),
    FORKPOINT_CLAUDE: claude,
    ANTHROPIC_BASE_URL: apiUrl,
    ANTHROPIC_API_KEY: apiKey,
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    // A proxy of the user's has no part in what goes to this machine.
    NO_PROXY: '127.0.0.1,localhost',
    no_proxy: '127.0.0.1,localhost',
  };
  const whole = path.join(home, '.laid-out');
  if (existsSync(whole)) return { project, env };
  // Left by a call that was interrupted.
  for (const left of [project, configDir]) rmSync(left, { recursive: true, force: true });
  makeProject(project, env);
  mkdirSync(configDir);
  writeFileSync(path.join(configDir, '.claude.json'), JSON.stringify(firstStart(project)));
  await recordSession(claude, project, env);
  writeFileSync(whole, '');
  return { project, env };
}

/** A session of the real Claude Code, which changes the project as it says. */
async function recordSession(claude: string, cwd: string, env: Record<string, string>): Promise<void> {
  for (const [index, { prompt, model }] of session.entries()) {
    const which = index === 0 ? '--session-id' : '--resume';
    const allowed = ['--permission-mode', 'acceptEdits', '--allowedTools', 'Bash(npm test)'];
    const asked = promisify(execFile)(claude, ['-p', prompt, which, sessionId, '--model', model, ...allowed], {
      cwd,
      // Else only Claude Code in a terminal keeps copies of the files.
      env: { ...env, CLAUDE_CODE_ENABLE_SDK_FILE_CHECKPOINTING: '1' },
      timeout: 60_000,
    });
    asked.child.stdin?.end();
    await asked;
  }
}

/** Our environment without what would lead an agent to the user's own account, session or settings. */
function ownEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined &&
        !/^(ANTHROPIC_|CLAUDE|FORKPOINT_(?!BOOTSTRAPPED$|TOOLS$)|MCP_|AWS_BEARER_)/.test(entry[0]),
    ),
  );
}

/** The repository as it is before the session. */
function makeProject(project: string, env: Record<string, string>): void {
  const files = {
    'package.json': packageJson,
    '.vscode/settings.json': editorSettings,
    'src/slugify.ts': code.source.committed,
    'test/slugify.test.ts': code.tests.committed,
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(project, name)), { recursive: true });
    writeFileSync(path.join(project, name), content);
  }
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'core.autocrlf=false', '-c', 'commit.gpgSign=false', ...args], {
      cwd: project,
      env: { ...env, GIT_CONFIG_NOSYSTEM: '1' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  git('init', '-q', '-b', 'main');
  git('add', '.');
  git('-c', 'user.name=Sam', '-c', 'user.email=sam@example.com', 'commit', '-qm', 'A slug of any text');
}

/** What Claude Code asks at its first start, answered: whoever goes on by hand meets no questions. */
const firstStart = (project: string) => ({
  hasCompletedOnboarding: true,
  theme: 'dark',
  customApiKeyResponses: { approved: [apiKey.slice(-20)], rejected: [] },
  projects: { [project]: { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true } },
});
