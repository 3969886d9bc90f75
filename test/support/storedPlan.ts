import type { BlobStore } from '../../src/core/blobStore.ts';
import type { ForkPlan, RecordedAnswers, StoredRequest } from '../../src/core/fork/forkPlan.ts';
import { forkPlanSchema } from '../../src/core/fork/forkPlan.ts';
import { type RunId, runIdSchema } from '../../src/core/ids.ts';
import type { RunStore } from '../../src/core/run/ports.ts';

export interface PlannedBranch {
  name: string;
  /** Text of the only message; tests tell branches apart by it. Default: the name. */
  prompt?: string;
  model?: string;
  /** Branches with the same word share a prefix; the first of them leads. */
  cacheGroup?: string;
}

export interface PlanOptions {
  branches: PlannedBranch[];
  runId?: string;
  kind?: ForkPlan['kind'];
  engine?: ForkPlan['engine'];
  provider?: ForkPlan['provider'];
  tools?: ForkPlan['tools'];
  maxSteps?: number;
  budgetUsd?: number;
  timeoutSeconds?: number;
  turns?: RecordedAnswers['turns'];
  createdAt?: string;
  /** Answers are kept in the result cache; with `read` also taken from it. */
  cache?: 'read' | 'keep';
}

let serial = 0;

/** An id that no other test of this process uses. */
export function testRunId(): RunId {
  serial += 1;
  return runIdSchema.parse(`r-test-${process.pid}-${Date.now().toString(36)}-${serial}`);
}

/** Stores the bodies of a made-up plan as `planFork` would, and gives the plan, which is not stored. */
export async function buildPlan(blobs: BlobStore, options: PlanOptions): Promise<ForkPlan> {
  const turns = options.turns ?? [{ turn: 1, prompt: null, calls: [] }];
  const recording: RecordedAnswers = { prefixMessages: 1, turns, strictOrder: options.kind === 'replay' };
  const recordingRef = await blobs.put(recording);
  const groups = new Set<string>();
  const branches = [];
  for (const [index, branch] of options.branches.entries()) {
    const model = branch.model ?? 'claude-haiku-4-5';
    const stored: StoredRequest = {
      request: {
        model,
        max_tokens: 1000,
        tools: [{ name: 'Read', input_schema: { type: 'object' } }],
        messages: [{ role: 'user', content: [{ type: 'text', text: branch.prompt ?? branch.name }] }],
      },
      betas: [],
    };
    const group = branch.cacheGroup ?? null;
    branches.push({
      branchId: `b${index + 1}`,
      name: branch.name,
      repeat: 1,
      repeats: 1,
      model,
      request: await blobs.put(stored),
      recording: recordingRef,
      turns: turns.length,
      changes: [],
      notes: [],
      usesCache: options.cache === 'read',
      cacheGroup: group,
      leads: group !== null && !groups.has(group),
      estimatedInputTokens: null,
    });
    if (group !== null) groups.add(group);
  }
  return forkPlanSchema.parse({
    version: 1,
    runId: options.runId ?? testRunId(),
    kind: options.kind ?? 'fork',
    engine: options.engine ?? 'in-process',
    provider: options.provider ?? 'anthropic',
    createdAt: options.createdAt ?? new Date().toISOString(),
    title: 'A made-up run',
    session: {
      sessionId: 'session-1',
      file: '/nowhere/session-1.jsonl',
      title: 'A session',
      projectPath: '/home/sam/app',
    },
    point: { kind: 'before', uuid: 'u1', turnIndex: 1, turnId: 'u1', label: 'before “A made-up run”' },
    fidelity: 'exact',
    digestVerified: true,
    missing: [],
    tools: options.tools ?? 'recorded',
    maxSteps: options.maxSteps ?? 20,
    budgetUsd: options.budgetUsd ?? null,
    timeoutSeconds: options.timeoutSeconds ?? 60,
    cache: options.cache && { maxAgeMs: 3_600_000, maxBytes: 10_000_000 },
    baseline: await blobs.put({ steps: [], startedAt: null, endedAt: null }),
    branches,
  });
}

/** Stores a made-up plan as a run that may be started. */
export async function storePlan(stores: { blobs: BlobStore; runs: RunStore }, options: PlanOptions): Promise<ForkPlan> {
  const plan = await buildPlan(stores.blobs, options);
  if (!(await stores.runs.create(plan))) throw new Error(`Run ${plan.runId} exists already.`);
  return plan;
}
