import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toolPath } from '../../scripts/tools.ts';
import { createBranchSessions } from '../../src/adapters/claudeCode/createBranchSessions.ts';
import { BranchOrigins } from '../../src/adapters/sessionFacts/branchOrigins.ts';
import { sha256 } from '../../src/adapters/sha256.ts';
import { agentEnvironment } from '../../src/core/agent/agentEnvironment.ts';
import { type AgentFlagsOrder, agentFlags } from '../../src/core/agent/agentFlags.ts';
import type { BranchSessions } from '../../src/core/agent/agentPorts.ts';
import type { BranchChain } from '../../src/core/agent/agentSettings.ts';
import { branchIdSchema, runIdSchema } from '../../src/core/ids.ts';
import { branchSessionId } from '../../src/core/run/agent/branchSessionId.ts';
import { claudeEnvironment } from './claudeEnvironment.ts';
import { type MessagesApi, type ReceivedRequest, type Reply, startMessagesApi } from './messagesApi.ts';
import { userLine } from './stage.ts';

export const newPrompt = 'A prompt that nobody has recorded';

interface BranchOrder {
  chain: BranchChain;
  /** Id of the recorded session. */
  source: string;
  version: string;
  cwd?: string;
  rewrite?: { from: string; to: string } | null;
  title?: string | null;
  flags?: Partial<AgentFlagsOrder>;
}

/** A branch that was asked one prompt. */
export interface AskedBranch {
  sessionId: string;
  /** Null where there was nothing to resume. */
  file: string | null;
  /** The request that held the prompt. */
  request: ReceivedRequest;
}

/** A copy of a recording's config folder, in which branches are written and run by the real Claude Code. */
export class BranchRuns implements AsyncDisposable {
  readonly sessions: BranchSessions;

  private constructor(
    readonly folder: string,
    readonly configDir: string,
    readonly api: MessagesApi,
  ) {
    this.sessions = createBranchSessions(new BranchOrigins(this.home));
  }

  /** Our data folder. */
  get home(): string {
    return join(this.folder, 'data');
  }

  /** @param claudeDir folder that is copied; null for an empty one */
  static async open(
    claudeDir: string | null,
    answer: (request: ReceivedRequest) => Reply | undefined = () => 'The branch answers.',
  ): Promise<BranchRuns> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'forkpoint-branch-')));
    const configDir = join(folder, 'claude');
    await mkdir(join(folder, 'home'));
    if (claudeDir === null) await mkdir(configDir);
    else await cp(claudeDir, configDir, { recursive: true });
    const isAside = ({ body }: ReceivedRequest) => !Array.isArray(body.tools) || body.tools.length === 0;
    const api = await startMessagesApi((request) =>
      isAside(request) ? 'aside' : (answer(request) ?? { status: 400, message: 'The test has no reply for this.' }),
    );
    return new BranchRuns(folder, configDir, api);
  }

  async write({ chain, source, cwd, rewrite = null, title = null }: BranchOrder) {
    const run = { runId: runIdSchema.parse(`r-${crypto.randomUUID()}`), branchId: branchIdSchema.parse('b1') };
    const sessionId = branchSessionId(run, sha256);
    const place = cwd ?? chain.cwd ?? this.folder;
    const { configDir } = this;
    const file = await this.sessions.write({ chain, configDir, sessionId, source, cwd: place, rewrite, title });
    return { sessionId, file, place };
  }

  /** Writes a branch and asks it. @throws where no request came, with what Claude Code printed */
  async ask(order: BranchOrder): Promise<AskedBranch> {
    const { sessionId, file, place } = await this.write(order);
    const printed = await this.start(order, { sessionId, resume: file !== null, cwd: place }).ended;
    const request = this.api.requests.find(
      ({ body }) => body.tools?.length > 0 && JSON.stringify(body.messages).includes(newPrompt),
    );
    if (request === undefined) throw new Error(`Claude Code ${order.version} sent nothing:\n${printed}`);
    this.api.requests.length = 0;
    return { sessionId, file, request };
  }

  /** Starts Claude Code with one prompt; it ends after its answer. */
  start(
    { chain, version, flags, title = null }: BranchOrder,
    { sessionId, resume, cwd }: { sessionId: string; resume: boolean; cwd: string },
  ) {
    const { tools: recordedTools, permissionMode, resumeAt } = chain;
    const { args, env } = agentFlags({
      version,
      recordedTools,
      permissionMode,
      permissions: 'ask',
      branch: { model: null, effort: null, system: null, thinking: null },
      maxTurns: null,
      budgetUsd: null,
      sessionId,
      resume,
      title,
      resumeAt,
      ...flags,
    });
    const child = spawn(toolPath(`claude-code-${version}`), args, {
      cwd,
      env: agentEnvironment(this.#environment(), env),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const late = setTimeout(() => child.kill('SIGKILL'), 50_000);
    let printed = '';
    child.stdin.write(userLine([{ type: 'text', text: newPrompt }]));
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (piece: Buffer) => {
        printed += piece.toString('utf8');
        if (printed.includes('"type":"result"')) child.stdin.end();
      });
    child.stdin.on('error', () => undefined);
    const ended = new Promise<string>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', () => {
        clearTimeout(late);
        resolve(printed);
      });
    });
    return { child, ended };
  }

  // Nothing is inherited but what a parent Claude Code would set: it must not reach the agent.
  #environment(): Record<string, string> {
    return {
      ...claudeEnvironment({
        home: join(this.folder, 'home'),
        configDir: this.configDir,
        baseUrl: this.api.baseUrl,
      }),
      CLAUDECODE: '1',
      CLAUDE_CODE_ENTRYPOINT: 'cli',
      CLAUDE_CODE_CHILD_SESSION: '1',
      CLAUDE_CODE_SKIP_PROMPT_HISTORY: '1',
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
