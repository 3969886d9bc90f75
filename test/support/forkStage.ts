import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { toolPath } from '../../scripts/tools.ts';
import { type ForkRequest, forkRequestSchema } from '../../src/core/fork/forkRequest.ts';
import type { RunId } from '../../src/core/ids.ts';
import type { BranchView, RunView } from '../../src/core/run/runView.ts';
import { createServices, type Services, type ServicesOptions } from '../../src/services.ts';
import { claudeEnvironment } from './claudeEnvironment.ts';
import { type MessagesApi, type ReceivedRequest, type Reply, startMessagesApi } from './messagesApi.ts';
import { currentVersion } from './recordSessions.ts';
import { allowTools, sessionOf } from './stage.ts';

const execFileAsync = promisify(execFile);

/** What the stand-in answers a branch with, by what it was asked. */
export type AgentScript = (request: ReceivedRequest) => Reply | undefined;

const slugify = `export function slugify(text) {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
}
`;
const fixed = slugify.replace('text.', "text.normalize('NFKD').");

/** The recorded session: its prompts, and what the file holds at its end. */
export const recorded = {
  sessionId: sessionOf(77),
  prompts: ['Why does slugify drop accents?', 'Fix it.', 'Now handle emoji.'],
  end: `${fixed}// emoji are dropped\n`,
};

const asItIs = { recursive: true, preserveTimestamps: true, verbatimSymlinks: true };

/** What was recorded with each version, for the next stage of this process; at its path, for the session names that. */
const kept = new Map<string, { folder: string; copy: string; isOpen: boolean }>();

/**
 * A project under git with a session that the real Claude Code recorded in it, and the services on top: everything in one
 * temporary folder, the API on loopback.
 */
export class ForkStage {
  readonly folder: string;
  /** The project, its path resolved. */
  readonly project: string;
  readonly claudeDir: string;
  readonly home: string;
  readonly api: MessagesApi;
  readonly program: string;
  readonly env: Record<string, string>;
  readonly #script: { answer: AgentScript };

  private constructor(folder: string, api: MessagesApi, script: { answer: AgentScript }, version: string) {
    this.folder = folder;
    this.project = path.join(folder, 'shop');
    this.claudeDir = path.join(folder, 'claude');
    this.home = path.join(folder, 'forkpoint');
    this.api = api;
    this.#script = script;
    this.program = toolPath(`claude-code-${version}`);
    this.env = {
      ...claudeEnvironment({ home: path.join(folder, 'user'), configDir: this.claudeDir, baseUrl: api.baseUrl }),
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'A Person',
      GIT_AUTHOR_EMAIL: 'person@example.com',
      GIT_COMMITTER_NAME: 'A Person',
      GIT_COMMITTER_EMAIL: 'person@example.com',
    };
  }

  /** @param options.version of the Claude Code that records and answers */
  static async open({ version = currentVersion }: { version?: string } = {}): Promise<ForkStage> {
    const before = kept.get(version);
    const folder = before?.isOpen === false ? before.folder : await newFolder();
    const script: { answer: AgentScript } = { answer: () => undefined };
    const api = await startMessagesApi(
      // Not the stand-in’s 500, which Claude Code would ask again for minutes.
      (request) =>
        script.answer(request) ?? { status: 400, message: `The script has no reply for request ${request.index}.` },
    );
    const stage = new ForkStage(folder, api, script, version);
    if (before?.folder === folder) {
      before.isOpen = true;
      await cp(before.copy, folder, asItIs);
      return stage;
    }
    for (const dir of [stage.project, stage.claudeDir, stage.env['HOME'] ?? '']) await mkdir(dir, { recursive: true });
    await stage.#makeProject();
    await stage.#record();
    const { FORKPOINT_KEPT_STAGES: copies } = process.env;
    if (before === undefined && copies !== undefined) {
      const copy = path.join(copies, path.basename(folder));
      await cp(folder, copy, asItIs);
      kept.set(version, { folder, copy, isOpen: true });
    }
    return stage;
  }

  /** What the stand-in answers from now on. */
  answer(script: AgentScript): void {
    this.#script.answer = script;
  }

  /** What services are constructed with, as JSON can hold it. */
  get options() {
    return {
      claudeDirs: [this.claudeDir],
      home: this.home,
      baseUrl: this.api.baseUrl,
      claudePath: this.program,
      env: this.env,
    } satisfies ServicesOptions;
  }

  services(over: Partial<ServicesOptions> = {}): Promise<Services> {
    return createServices({ ...this.options, apiKey: async () => 'sk-ant-test', ...over });
  }

  fork(over: Record<string, unknown> = {}): ForkRequest {
    return forkRequestSchema.parse({
      session: recorded.sessionId,
      at: { turn: 3 },
      executor: 'claude-code',
      branches: [{ name: 'one' }],
      ...over,
    });
  }

  git(...args: string[]): Promise<string> {
    return run('git', args, this.project, this.env);
  }

  read(file: string): Promise<string> {
    return readFile(path.join(this.project, file), 'utf8');
  }

  /** Path of the recorded session's file. */
  get transcript(): string {
    const name = this.project.replace(/[^a-zA-Z0-9]/g, '-');
    return path.join(this.claudeDir, 'projects', name, `${recorded.sessionId}.jsonl`);
  }

  async close(): Promise<void> {
    await this.api.close();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
    for (const recording of kept.values()) if (recording.folder === this.folder) recording.isOpen = false;
  }

  async #makeProject(): Promise<void> {
    const files = {
      'src/slugify.js': slugify,
      'package.json': '{ "name": "shop", "type": "module" }\n',
      '.gitignore': 'node_modules\n.env\n',
      '.env': 'SECRET=1\n',
      'node_modules/dep/index.js': 'export default 1;\n',
    };
    for (const [name, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(this.project, name)), { recursive: true });
      await writeFile(path.join(this.project, name), text);
    }
    await this.git('init', '-q', '-b', 'main');
    await this.git('add', '-A');
    await this.git('commit', '-qm', 'First');
  }

  /** Three turns: a question, a fix, and one more edit. */
  async #record(): Promise<void> {
    const file = path.join(this.project, 'src/slugify.js');
    const call = (name: string, input: Record<string, unknown>): Reply => ({
      content: [{ type: 'tool_use', name, input: { file_path: file, ...input } }],
    });
    const queue: Reply[] = [
      call('Read', {}),
      'It replaces everything outside a to z.',
      call('Edit', { old_string: 'text.', new_string: "text.normalize('NFKD')." }),
      'Fixed.',
      call('Write', { content: recorded.end }),
      'Emoji are handled.',
    ];
    this.answer(() => queue.shift());
    for (const [index, prompt] of recorded.prompts.entries()) {
      const session = index === 0 ? ['--session-id', recorded.sessionId] : ['--resume', recorded.sessionId];
      await run(this.program, ['-p', prompt, ...session, ...allowTools], this.project, this.env);
    }
    if (queue.length > 0) throw new Error(`${queue.length} replies were never asked for.`);
    this.answer(() => undefined);
  }
}

async function newFolder(): Promise<string> {
  return realpath(await mkdtemp(path.join(tmpdir(), 'forkpoint-stage-')));
}

async function run(program: string, args: string[], cwd: string, env: Record<string, string>): Promise<string> {
  const running = execFileAsync(program, args, { cwd, env, timeout: 120_000 });
  running.child.stdin?.end();
  return (await running).stdout.trim();
}

export function branchOf(view: RunView, name: string): BranchView {
  const found = view.branches.find((branch) => branch.name === name);
  if (found === undefined) throw new Error(`no branch ${name}`);
  return found;
}

/** Waits until a run's state fits. @throws after half a minute */
export async function untilView(
  { forks }: Pick<Services, 'forks'>,
  runId: RunId,
  fits: (view: RunView) => boolean,
): Promise<RunView> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const view = await forks.run(runId);
    if (fits(view)) return view;
    if (performance.now() > deadline) {
      throw new Error(`The run never came to that state: ${JSON.stringify(view, null, 1)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
