import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import type { CheckResult, Doubt } from '../../src/core/agent/agentFacts.ts';
import type {
  AgentProgram,
  CheckRunner,
  Place,
  PlaceOrder,
  Places,
  Teardown,
} from '../../src/core/agent/agentPorts.ts';
import type { AgentPlan, AgentPrompts } from '../../src/core/agent/agentSettings.ts';
import type { Clock } from '../../src/core/clock.ts';
import { NotFoundError } from '../../src/core/errors.ts';
import { type ForkPlan, forkPlanSchema } from '../../src/core/fork/forkPlan.ts';
import type { AgentWorkDeps } from '../../src/core/run/agent/agentWork.ts';
import { createAgentWork } from '../../src/core/run/agent/createAgentWork.ts';
import { foldRun } from '../../src/core/run/foldRun.ts';
import { MemoryBlobs, sha256 } from './memoryStores.ts';
import { buildPlan, type PlanOptions, testRunId } from './storedPlan.ts';

export interface AgentPlanOptions extends PlanOptions {
  agent?: Partial<AgentPlan>;
  prompts?: string[];
  branch?: Partial<AgentPrompts['branch']>;
}

/** What became of the fake machine around an agent: which places and sessions there are, in the order of what happened. */
export interface Machine {
  places: Set<string>;
  sessions: Set<string>;
  done: string[];
  /** What the branch's session is said to hold. */
  session: { prompts: number; open: Doubt[] };
  /** `Place.state` of every place. */
  state: string | null;
}

export type Turn = AgentProgram['turn'];

const place = (name: string, machine: Machine, kind: Place['kind'] = 'overlay'): Place =>
  ({
    id: { runId: testRunId(), name },
    kind,
    path: '/home/sam/app',
    root: `/places/${name}`,
    notes: [],
    projectRoot: '/home/sam/app',
    toPlace: (file: string) => (kind === 'overlay' ? file : file.replace('/home/sam/app', `/places/${name}/app`)),
    state: async () => machine.state,
    changes: async () => ({ root: '/home/sam/app', changes: [], notes: [] }),
    commits: async () => [],
  }) as Partial<Place> as Place;

/** The work of agent branches over memory and a scripted program; logs and answers go through a real run store. */
export class AgentBench {
  readonly blobs = new MemoryBlobs();
  readonly machine: Machine = {
    places: new Set(),
    sessions: new Set(),
    done: [],
    session: { prompts: 0, open: [] },
    state: null,
  };
  readonly runs: ReturnType<typeof createRunStore>;
  readonly work: ReturnType<typeof createAgentWork>;
  readonly #folder: string;
  readonly #kinds = new Map<string, Place['kind']>();
  readonly #teardowns = new Map<string, Teardown>();

  private constructor(folder: string, clock: Clock, turn: Turn, over: Partial<AgentWorkDeps>) {
    this.#folder = folder;
    this.runs = createRunStore(path.join(folder, 'runs'));
    this.work = createAgentWork({
      runs: this.runs,
      blobs: this.blobs,
      clock,
      sha256,
      prices: { cost: () => 0.1 },
      places: this.#places(),
      changes: { files: async () => [], patch: async () => '' } as Partial<AgentWorkDeps['changes']> as never,
      sessions: {
        write: async ({ sessionId }) => {
          this.machine.sessions.add(sessionId);
          this.machine.done.push('session written');
          return `/sessions/${sessionId}.jsonl`;
        },
        state: async (_dir, sessionId) => ({
          file: this.machine.sessions.has(sessionId) ? `/sessions/${sessionId}.jsonl` : null,
          ...this.machine.session,
        }),
        discard: async (_dir, sessionId) => {
          this.machine.sessions.delete(sessionId);
          this.machine.done.push('session discarded');
        },
      },
      program: { turn },
      checks: passing,
      recordings: { open: () => Promise.reject(new NotFoundError('None.', 'None.')) },
      decodeBase64: (text) => Buffer.from(text, 'base64'),
      inContainer: () => false,
      freePort: async () => 40_001,
      commandEnv: () => ({}),
      keepOutput: async ({ name }, index, text) => `/removed/${name}-${index}: ${text}`,
      ...over,
    });
  }

  static async open(clock: Clock, turn: Turn, over: Partial<AgentWorkDeps> = {}): Promise<AgentBench> {
    return new AgentBench(await mkdtemp(path.join(tmpdir(), 'forkpoint-agents-')), clock, turn, over);
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Stores a run of one branch that an agent answers. */
  async plan(options: Partial<AgentPlanOptions> = {}): Promise<ForkPlan> {
    const plan = await agentPlan(this.blobs, { branches: [{ name: 'one' }], ...options });
    await this.runs.create(plan);
    return plan;
  }

  async view(plan: ForkPlan) {
    return foldRun(plan, await this.runs.events(plan.runId));
  }

  #places(): Places {
    const { machine } = this;
    return {
      create: async ({ id, kind }: PlaceOrder) => {
        machine.places.add(id.name);
        machine.done.push(`place ${id.name} made`);
        this.#kinds.set(id.name, kind === 'auto' ? 'overlay' : kind);
        return place(id.name, machine, this.#kinds.get(id.name));
      },
      open: async ({ name }) => {
        if (machine.places.has(name)) return place(name, machine, this.#kinds.get(name));
        throw new NotFoundError(`No place ${name}.`, 'Make it first.');
      },
      remove: async ({ name }) => {
        machine.places.delete(name);
        machine.done.push(`place ${name} removed`);
      },
      keepTeardown: async ({ name }, teardown) => void this.#teardowns.set(name, teardown),
      teardownOf: async ({ name }) => this.#teardowns.get(name) ?? null,
      options: async () => [],
      list: async () => [],
    };
  }
}

const passing: CheckRunner = {
  run: async (_place, { name, run }): Promise<CheckResult> => {
    const passed = run !== 'false';
    return { name, exitCode: passed ? 0 : 1, passed, ms: 1, output: null };
  },
};

/** A made-up plan whose branches Claude Code answers. */
export async function agentPlan(blobs: MemoryBlobs, options: AgentPlanOptions): Promise<ForkPlan> {
  const plan = await buildPlan(blobs, options);
  const prompts: AgentPrompts = {
    branch: { model: null, effort: null, system: null, thinking: null, ...options.branch },
    turns: (options.prompts ?? ['Do it.']).map((text, index) => ({
      turn: index + 1,
      content: [{ type: 'text', text }],
    })),
  };
  const empty = await blobs.put({ files: [], unknown: [], warnings: [] });
  const chain = {
    lines: [],
    leafUuid: null,
    cwd: null,
    version: null,
    permissionMode: null,
    tools: null,
    prompt: null,
  };
  const agent: AgentPlan = {
    program: '/usr/bin/claude',
    version: '2.1.329',
    configDir: '/home/sam/.claude',
    folder: '/home/sam/app',
    place: 'auto',
    filesChoice: 'turn',
    base: null,
    files: empty,
    recordedEnd: null,
    chain: await blobs.put(chain),
    recordedRequest: null,
    permissions: 'ask',
    allowedCommands: null,
    allowRules: [],
    setup: [],
    teardown: [],
    include: [],
    checks: [],
    cacheChecks: false,
    maxTurns: null,
    concurrency: 2,
    ...options.agent,
  };
  const stored = await blobs.put(prompts);
  return forkPlanSchema.parse({
    ...plan,
    executor: 'claude-code',
    agent,
    branches: plan.branches.map((branch) => ({ ...branch, agent: stored, turns: prompts.turns.length })),
  });
}
