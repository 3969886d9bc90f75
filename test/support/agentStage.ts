import { mkdir, mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toolPath } from '../../scripts/tools.ts';
import { createAgentProgram } from '../../src/adapters/claudeCode/createAgentProgram.ts';
import type { ProgramTimes } from '../../src/adapters/claudeCode/runningAgent.ts';
import type { Answer, Question } from '../../src/core/agent/agentFacts.ts';
import type { AgentMessage, AgentTurnEnd, AgentTurnOrder } from '../../src/core/agent/agentPorts.ts';
import { claudeEnvironment } from './claudeEnvironment.ts';
import { type MessagesApi, type ReceivedRequest, type Reply, startMessagesApi } from './messagesApi.ts';
import { plainPlace } from './plainPlace.ts';
import { sessionOf } from './stage.ts';

export const currentClaude = '2.1.329';

/** A turn that was played: all that the program said, and how it ended. */
export interface PlayedTurn {
  end: AgentTurnEnd;
  messages: AgentMessage[];
  questions: Question[];
}

export interface TurnPlay {
  order?: Partial<AgentTurnOrder>;
  signal?: AbortSignal;
  answer?: (question: Question) => Answer | Promise<Answer>;
  onMessage?: (message: AgentMessage) => void;
}

/** The real Claude Code in scratch folders, against a scripted API on loopback. */
export interface AgentStage extends AsyncDisposable {
  api: MessagesApi;
  /** Folder that the agent works in. */
  cwd: string;
  configDir: string;
  env: Record<string, string>;
  program: string;
  /** Requests of the agent itself, without those that Claude Code sends for itself (titles and the like). */
  requests(): ReceivedRequest[];
  turn(play?: TurnPlay): Promise<PlayedTurn>;
  /** What happens to the messages is seen even where the turn throws. */
  messages: AgentMessage[];
  /** Records of the session's file. */
  // biome-ignore lint/suspicious/noExplicitAny: records of any shape
  session(): Promise<any[]>;
}

/** Whether Claude Code asks this of its own accord: it offers no tools, or none of the agent's. */
export function isAside({ body }: ReceivedRequest): boolean {
  return !Array.isArray(body.tools) || body.tools.length === 0;
}

export async function agentStage(
  script: (request: ReceivedRequest, index: number) => Reply | undefined,
  { version = currentClaude, times = {} as Partial<ProgramTimes> } = {},
): Promise<AgentStage> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'forkpoint-agent-')));
  const cwd = join(folder, 'work');
  const configDir = join(folder, 'claude');
  for (const name of [cwd, configDir, join(folder, 'home')]) await mkdir(name);
  let index = 0;
  const api = await startMessagesApi((request) => {
    if (isAside(request)) return 'aside';
    // Not the 500 of the stand-in, which Claude Code would try again for minutes.
    return script(request, index++) ?? { status: 400, message: 'The test has no reply for this.' };
  });
  const env = claudeEnvironment({ home: join(folder, 'home'), configDir, baseUrl: api.baseUrl });
  const program = toolPath(`claude-code-${version}`);
  const messages: AgentMessage[] = [];
  return {
    api,
    cwd,
    configDir,
    env,
    program,
    messages,
    requests: () => api.requests.filter((request) => !isAside(request)),
    async turn({ order, signal = new AbortController().signal, answer, onMessage } = {}) {
      const from = messages.length;
      const questions: Question[] = [];
      const agent = createAgentProgram({ env, times });
      const end = await agent.turn(
        {
          program,
          version,
          configDir,
          place: plainPlace(cwd),
          sessionId: sessionOf(1),
          resume: false,
          prompt: [{ type: 'text', text: 'Hello' }],
          branch: { model: null, effort: null, system: null, thinking: null },
          chain: { tools: null, permissionMode: 'default', version },
          permissions: 'ask',
          allowedCommands: [],
          allowRules: [],
          maxTurns: null,
          budgetUsd: null,
          env: {},
          ...order,
        },
        {
          signal,
          onMessage(message) {
            messages.push(message);
            onMessage?.(message);
          },
          async onQuestion(question) {
            questions.push(question);
            if (answer === undefined) throw new Error(`Nobody answers ${question.tool}.`);
            return answer(question);
          },
        },
      );
      return { end, messages: messages.slice(from), questions };
    },
    async session() {
      for (const project of await readdir(join(configDir, 'projects'))) {
        const file = join(configDir, 'projects', project, `${sessionOf(1)}.jsonl`);
        const text = await readFile(file, 'utf8').catch(() => null);
        if (text !== null)
          return text
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line));
      }
      return [];
    },
    async [Symbol.asyncDispose]() {
      await api.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
