import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toolsFolder } from '../../scripts/tools/toolsFolder.ts';
import { toolPath } from '../../scripts/tools.ts';
import { type MessagesApi, type ReceivedRequest, type Reply, startMessagesApi } from './messagesApi.ts';
import { olderScenarios, type Scenario, scenarios } from './scenarios.ts';

export const currentVersion = '2.1.329';
/** The last line of versions whose transcripts hold no request log. */
export const olderVersion = '2.1.200';

/** A request that the stand-in received while a scenario was recorded. */
export interface CapturedRequest {
  index: number;
  // biome-ignore lint/suspicious/noExplicitAny: bodies of any shape
  body: any;
  betas: string[];
  /** Id of the reply's message, null where an error was answered. */
  responseId: string | null;
}

/** What the real Claude Code wrote in one scenario. Never copy any of it into the checkout. */
export interface RecordedScenario {
  name: string;
  version: string;
  /** Its `CLAUDE_CONFIG_DIR`. */
  claudeDir: string;
  cwd: string;
  captured: CapturedRequest[];
}

// Nothing is inherited: a variable of the machine must not change what is recorded.
function cleanEnvironment(folder: string, baseUrl: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    HOME: join(folder, 'home'),
    CLAUDE_CONFIG_DIR: join(folder, 'claude'),
    ANTHROPIC_BASE_URL: baseUrl,
    ANTHROPIC_API_KEY: 'sk-ant-test',
    DISABLE_TELEMETRY: '1',
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    LANG: 'C.UTF-8',
    TZ: 'UTC',
  };
}

/** Runs a program to its end. @throws after two minutes, with what it printed. */
function run(
  command: string,
  args: string[],
  options: { cwd: string; env: Record<string, string>; stdin?: string; interrupt?: Promise<unknown> },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: options.cwd, env: options.env, stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${command} ${args.join(' ')} did not end within two minutes:\n${output}`));
    }, 120_000);
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(late);
      resolve(output);
    });
    child.stdin.end(options.stdin ?? '');
    options.interrupt?.then(() => child.kill('SIGINT'), reject);
  });
}

async function transcriptPath(claudeDir: string, sessionId: string): Promise<string> {
  const projects = join(claudeDir, 'projects');
  for (const project of await readdir(projects)) {
    const file = join(projects, project, `${sessionId}.jsonl`);
    if (existsSync(file)) return file;
  }
  throw new Error(`Session ${sessionId} was not recorded in ${projects}.`);
}

async function record(scenario: Scenario, version: string, folder: string): Promise<void> {
  const cwd = join(folder, 'work');
  for (const name of ['claude', 'home', 'work']) await mkdir(join(folder, name), { recursive: true });
  const queue: Reply[] = [];
  let answer: ((request: ReceivedRequest) => Reply | undefined) | null = null;
  const responseIds = new Map<number, string>();
  const api: MessagesApi = await startMessagesApi((request) => {
    const reply = answer?.(request) ?? queue.shift();
    if (reply === undefined) return undefined;
    const whole = typeof reply === 'string' ? { content: reply } : reply;
    if (!('content' in whole)) return whole;
    const id = `msg_${scenario.name}_${request.index}`;
    responseIds.set(request.index, id);
    return { id, ...whole };
  });
  try {
    await scenario.run({
      api,
      cwd,
      reply: (...replies) => void queue.push(...replies),
      answer: (script) => {
        answer = script;
      },
      write: (name, content) => writeFile(join(cwd, name), content),
      lines: async (sessionId) =>
        (await readFile(await transcriptPath(join(folder, 'claude'), sessionId), 'utf8'))
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line)),
      claude: (args, options) => {
        const env = { ...cleanEnvironment(folder, api.baseUrl), ...options?.env };
        return run(toolPath(`claude-code-${version}`), args, { ...options, cwd, env });
      },
    });
  } finally {
    await api.close();
  }
  const captured = api.requests.map(
    (request): CapturedRequest => ({
      index: request.index,
      body: request.body,
      betas: String(request.headers['anthropic-beta'] ?? '')
        .split(',')
        .filter((beta) => beta !== ''),
      responseId: responseIds.get(request.index) ?? null,
    }),
  );
  await writeFile(join(folder, 'captured.json'), JSON.stringify(captured));
}

/** The sources that decide what is recorded: a change to them means recording anew. */
async function scriptHash(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of ['scenarios.ts', 'recordSessions.ts', 'messagesApi.ts'])
    hash.update(await readFile(join(import.meta.dirname, name)));
  return hash.digest('hex').slice(0, 12);
}

async function folderOf(marker: string): Promise<string | null> {
  try {
    return await readFile(marker, 'utf8');
  } catch {
    return null;
  }
}

/** Folder of the scenario's recording, made now where there is none. Test files that start together may both record: one wins. */
async function recordingOf(scenario: Scenario, version: string, root: string): Promise<string> {
  // The recording's paths stand in its lines, so it can't be moved: the marker, written last, says where it is whole.
  const marker = join(root, `${scenario.name}.recorded`);
  const recorded = await folderOf(marker);
  if (recorded !== null) return recorded;
  const started = performance.now();
  const folder = await mkdtemp(join(root, `${scenario.name}-`));
  await record(scenario, version, folder);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stderr.write(`Recorded "${scenario.name}" with Claude Code ${version} in ${seconds} s\n`);
  try {
    await writeFile(marker, folder, { flag: 'wx' });
    return folder;
  } catch {
    await rm(folder, { recursive: true, force: true });
    return (await folderOf(marker)) ?? folder;
  }
}

async function recordVersion(version: string, wanted: Scenario[]): Promise<RecordedScenario[]> {
  const root = join(toolsFolder(), 'recordings', `${version}-${await scriptHash()}`);
  await mkdir(root, { recursive: true });
  const recorded: RecordedScenario[] = [];
  for (const scenario of wanted) {
    const folder = await recordingOf(scenario, version, await realpath(root));
    recorded.push({
      name: scenario.name,
      version,
      claudeDir: join(folder, 'claude'),
      cwd: join(folder, 'work'),
      captured: JSON.parse(await readFile(join(folder, 'captured.json'), 'utf8')),
    });
  }
  return recorded;
}

/** Sessions written by the real Claude Code against a scripted API on loopback: recorded once, then taken from the cache. */
export function recordSessions(): Promise<RecordedScenario[]> {
  return recordVersion(currentVersion, scenarios);
}

/** The same with a version from before the request log. */
export function recordOlderSessions(): Promise<RecordedScenario[]> {
  return recordVersion(olderVersion, olderScenarios);
}
