import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { toolPath } from '../../scripts/tools.ts';
import {
  type MessagesApi,
  type ReceivedRequest,
  type Reply,
  type SentMessage,
  startMessagesApi,
} from './messagesApi.ts';
import { openTerminal, type Terminal } from './terminal.ts';

/** The tool that forks sessions as programs do. */
export const agentSdk = 'claude-agent-sdk-0.3.329';
const execFileAsync = promisify(execFile);

interface RunOptions {
  /** Default: the scenario's folder. */
  cwd?: string;
  /** Several pieces are written as they come; the process sees the end after the last. */
  stdin?: string | AsyncIterable<string>;
  /** SIGINT as soon as it settles. */
  interrupt?: Promise<unknown>;
  env?: Record<string, string>;
}

/** What a scenario works with. Paths lie in the recording's own folder. */
export interface Stage {
  version: string;
  api: MessagesApi;
  cwd: string;
  /** The `CLAUDE_CONFIG_DIR`. */
  claudeDir: string;
  /** Runs Claude Code to its end; gives what it printed. */
  claude(args: string[], options?: RunOptions): Promise<string>;
  /** Opens Claude Code in a terminal, past its first-start questions. */
  terminal(args: string[], options?: { env?: Record<string, string> }): Promise<Terminal>;
  /** Forks with the Agent SDK, which sends nothing; gives the id of the fork. */
  sdkFork(sessionId: string, upToMessageId?: string): Promise<string>;
  git(...args: string[]): Promise<string>;
  /** Queues what the model answers next. */
  reply(...replies: Reply[]): void;
  /** Answers by function instead of the queue where it returns something. */
  answer(script: (request: ReceivedRequest) => Reply | undefined): void;
  /** Writes a file; a relative path lies in the scenario's folder. */
  write(name: string, content: string | Buffer): Promise<void>;
  /** Lines of the transcript, parsed. */
  lines(sessionId: string): Promise<Record<string, unknown>[]>;
  /** Settles when a line of the transcript holds the text. @throws after half a minute */
  recorded(sessionId: string, text: string): Promise<void>;
  /** Keeps a value for the tests, which find it under `notes`. */
  note(name: string, value: unknown): void;
}

export interface Scenario {
  name: string;
  run(stage: Stage): Promise<void>;
}

/** A request that the stand-in received while a scenario was recorded. */
export interface CapturedRequest {
  index: number;
  // biome-ignore lint/suspicious/noExplicitAny: bodies of any shape
  body: any;
  betas: string[];
  /** Id of the reply's message, null where an error was answered. */
  responseId: string | null;
  /** Claude Code asked it of its own accord: it belongs to no turn. */
  aside: boolean;
  /** What it was answered with; null where an error was. */
  sent: SentMessage | null;
  /** Whether the reply was sent to its end and read. */
  whole: boolean;
}

/** What a recording's folder holds beside what Claude Code wrote. */
export interface RecordingFile {
  captured: CapturedRequest[];
  notes: Record<string, unknown>;
}

/** A fixed session id, so that tests can name it. */
export function sessionOf(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
}

/** A message for `--input-format stream-json`. */
export function userLine(content: unknown): string {
  return `${JSON.stringify({ type: 'user', message: { role: 'user', content }, parent_tool_use_id: null })}\n`;
}

/** The flags that make Claude Code read messages from its standard input. */
export const streamed = ['--input-format', 'stream-json', '--output-format', 'stream-json', '--verbose'];

/** Lets Claude Code use its tools without asking. */
export const allowTools = [
  '--permission-mode',
  'acceptEdits',
  '--allowedTools',
  'Bash,Read,Write,Edit,Agent,Task,Glob',
];

/** Whether any block of the last message holds this text. */
export function lastSays(request: ReceivedRequest, text: string): boolean {
  return JSON.stringify(request.body.messages.at(-1)).includes(text);
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
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'A Person',
    GIT_AUTHOR_EMAIL: 'person@example.com',
    GIT_COMMITTER_NAME: 'A Person',
    GIT_COMMITTER_EMAIL: 'person@example.com',
  };
}

/** Runs a program to its end. @throws after two minutes, with what it printed. */
function run(
  command: string,
  args: string[],
  options: RunOptions & { cwd: string; env: Record<string, string> },
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
    const { stdin = '' } = options;
    if (typeof stdin === 'string') child.stdin.end(stdin);
    else Readable.from(stdin).pipe(child.stdin);
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

async function sdkFork(args: string[], cwd: string, env: Record<string, string>): Promise<string> {
  const sdk = pathToFileURL(join(toolPath(agentSdk), 'sdk.mjs')).href;
  const script = `const { forkSession } = await import('${sdk}');
    const [sessionId, upToMessageId] = process.argv.slice(1);
    console.log((await forkSession(sessionId, { upToMessageId })).sessionId);`;
  const { stdout } = await execFileAsync(process.execPath, ['--input-type=module', '-e', script, ...args], {
    cwd,
    env,
  });
  return stdout.trim();
}

async function waitForText(claudeDir: string, sessionId: string, text: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const file = await transcriptPath(claudeDir, sessionId).catch(() => null);
    if (file !== null && (await readFile(file, 'utf8')).includes(text)) return;
    if (performance.now() > deadline) throw new Error(`Session ${sessionId} never recorded ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What Claude Code would ask a person at its first start: theme, key, trust in the folder. */
async function answerFirstStart(claudeDir: string, cwd: string): Promise<void> {
  const file = join(claudeDir, '.claude.json');
  const known = existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>) : {};
  const answers = {
    hasCompletedOnboarding: true,
    theme: 'dark',
    customApiKeyResponses: { approved: ['sk-ant-test'], rejected: [] },
    projects: { [cwd]: { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true } },
  };
  await writeFile(file, JSON.stringify({ ...known, ...answers }));
}

/** What Claude Code asks of its own accord, by the beginning of the only message, and what it is answered. */
const asides: [string, string][] = [
  // A first request for each kind of subagent ahead of time, how dangerous a command is, which files its output shows: 2.0 and 2.1.
  ['"text":"Warmup"', 'none'],
  ['"text":"<policy_spec>', 'none'],
  ['"text":"Command: ', 'none'],
  ['"text":"<session>', '{"title":"A title by the model"}'],
];

function answerAside(request: ReceivedRequest): Reply | undefined {
  if (request.body.messages.length > 1) return undefined;
  return asides.find(([text]) => lastSays(request, text))?.[1];
}

/** Plays a scenario in an empty folder; what Claude Code wrote is then in `claude`, what was sent in `recording.json`. */
export async function playScenario(scenario: Scenario, version: string, folder: string): Promise<void> {
  const cwd = join(folder, 'work');
  const claudeDir = join(folder, 'claude');
  for (const name of [cwd, claudeDir, join(folder, 'home')]) await mkdir(name, { recursive: true });
  const queue: Reply[] = [];
  const notes: Record<string, unknown> = {};
  let answer: ((request: ReceivedRequest) => Reply | undefined) | null = null;
  const unforeseen: number[] = [];
  const api = await startMessagesApi((request) => {
    const reply = answerAside(request) ?? answer?.(request) ?? queue.shift();
    if (reply === undefined) {
      unforeseen.push(request.index);
      // Not the 500 of the stand-in, which Claude Code would try again for minutes.
      return { status: 400, message: 'The scenario has no reply for this.' };
    }
    const whole = typeof reply === 'string' ? { content: reply } : reply;
    return 'content' in whole ? { id: `msg_${scenario.name}_${request.index}`, ...whole } : whole;
  });
  const env = cleanEnvironment(folder, api.baseUrl);
  const program = toolPath(`claude-code-${version}`);
  try {
    await scenario.run({
      version,
      api,
      cwd,
      claudeDir,
      claude: (args, options) => run(program, args, { cwd, ...options, env: { ...env, ...options?.env } }),
      async terminal(args, options) {
        await answerFirstStart(claudeDir, cwd);
        return openTerminal(program, args, { cwd, env: { ...env, ...options?.env } });
      },
      sdkFork: (sessionId, upTo) => sdkFork([sessionId, ...(upTo === undefined ? [] : [upTo])], cwd, env),
      git: async (...args) => (await execFileAsync('git', args, { cwd, env })).stdout.trim(),
      reply: (...replies) => void queue.push(...replies),
      answer: (script) => {
        answer = script;
      },
      async write(name, content) {
        const file = name.startsWith('/') ? name : join(cwd, name);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, content);
      },
      lines: async (sessionId) =>
        (await readFile(await transcriptPath(claudeDir, sessionId), 'utf8'))
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line)),
      recorded: (sessionId, text) => waitForText(claudeDir, sessionId, text),
      note: (name, value) => {
        notes[name] = value;
      },
    });
  } finally {
    const recording: RecordingFile = { captured: api.requests.map(capturedOf), notes };
    await writeFile(join(folder, 'recording.json'), JSON.stringify(recording));
    await api.close();
  }
  if (unforeseen.length > 0) throw new Error(`the scenario has no reply for request ${unforeseen.join(', ')}`);
  if (queue.length > 0) throw new Error(`${queue.length} replies of the scenario were never asked for`);
}

function capturedOf(request: ReceivedRequest): CapturedRequest {
  return {
    index: request.index,
    body: request.body,
    betas: String(request.headers['anthropic-beta'] ?? '')
      .split(',')
      .filter((beta) => beta !== ''),
    responseId: request.sent?.id ?? null,
    aside: answerAside(request) !== undefined,
    sent: request.sent,
    whole: request.sentWhole && !request.closedByClient,
  };
}
