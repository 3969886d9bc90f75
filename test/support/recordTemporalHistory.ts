import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import { replayRequestSchema } from '../../src/core/fork/forkRequest.ts';
import { type RunId, runIdSchema } from '../../src/core/ids.ts';
import type { ScheduleEngine, ScheduleOrder } from '../../src/core/useCases/schedules.ts';
import { createTemporalSchedules } from '../../src/orchestration/temporal/schedules/temporalSchedules.ts';
import { workflowIdOf } from '../../src/orchestration/temporal/workflowIdOf.ts';
import type { Services } from '../../src/services.ts';
import { branchOf, ForkStage, recorded, untilView } from './forkStage.ts';
import { type ReceivedRequest, type Reply, startMessagesApi } from './messagesApi.ts';
import { buildPlan, storePlan } from './storedPlan.ts';
import { builtWorker, killWorkers, startTestServer, testEngine } from './temporal.ts';

// Records the histories of runs that meet all that a workflow has to decide: one of the Messages API (several steps, a leader and a
// follower, a retry, a failed and a cancelled branch), and some of agents. Old histories stay in the folder: workflows of every
// release must replay. They hold ids and references, nothing of what was said.
// Run it for a new release: node --experimental-transform-types test/support/recordTemporalHistory.ts NAME [WHICH], where WHICH is
// requests, updated, continued, scheduled, agents, prompts or slots.

const name = process.argv[2];
if (name === undefined || !/^[\w.-]+$/.test(name)) throw new Error('Name the history, for example 0.1.0.');

const server = await startTestServer();
try {
  const only = process.argv[3];
  if (only === undefined || only === 'requests') await recordRequests();
  if (only === undefined || only === 'updated') await recordUpdates();
  if (only === undefined || only === 'continued') await recordContinued();
  if (only === undefined || only === 'scheduled') await recordScheduled();
  if (only === undefined || only === 'agents') await recordAgents();
  if (only === undefined || only === 'prompts') await recordPrompts();
  if (only === undefined || only === 'slots') await recordSlots();
} finally {
  await server.stop();
}

async function recordRequests(): Promise<void> {
  const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-history-'));
  const runs = createRunStore(path.join(home, 'runs'));
  const blobs = createBlobStore(path.join(home, 'blobs'));
  let calls = 0;
  const api = await startMessagesApi((request) => {
    const prompt = request.body.messages[0].content[0].text;
    if (prompt === 'refused') return { status: 400 };
    if (prompt === 'stuck') return { content: 'something', endAfter: 1, ending: 'hang' };
    if (prompt === 'leader' && request.body.messages.length === 1) {
      calls += 1;
      if (calls === 1) return { status: 529, headers: { 'retry-after-ms': '1' } };
      return { content: [{ type: 'tool_use', name: 'Read', input: { file_path: '/a' } }] };
    }
    return 'Done.';
  });
  const engine = testEngine({ runs, settings: server.settings({ home, baseUrl: api.baseUrl }) });
  try {
    const plan = await storePlan(
      { runs, blobs },
      {
        engine: 'temporal',
        runId: 'r-history',
        createdAt: '2026-11-20T10:15:00.000Z',
        branches: [
          { name: 'leader', cacheGroup: 'prefix' },
          { name: 'follower', cacheGroup: 'prefix' },
          { name: 'refused' },
          { name: 'stuck' },
        ],
        turns: [
          {
            turn: 1,
            prompt: null,
            calls: [{ name: 'Read', input: { file_path: '/a' }, result: { content: 'text of a', isError: false } }],
          },
        ],
      },
    );
    await engine.start(plan);
    const stop = new AbortController();
    let ended = 0;
    for await (const event of runs.follow(plan.runId, stop.signal)) {
      if (event.type === 'branch-ended' && ++ended === 3) await engine.cancel(plan.runId, plan.branches[3]?.branchId);
      if (event.type === 'run-ended') stop.abort();
    }
    await keep(plan.runId, `${name}`);
  } finally {
    await engine.dispose();
    await api.close();
    await rm(home, { recursive: true, force: true });
  }
}

/** A branch is added, the time limit changes, and a branch is cancelled, all by updates. */
async function recordUpdates(): Promise<void> {
  const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-history-'));
  const runs = createRunStore(path.join(home, 'runs'));
  const blobs = createBlobStore(path.join(home, 'blobs'));
  const api = await startMessagesApi((request) =>
    request.body.messages[0].content[0].text === 'late'
      ? 'Done.'
      : { content: 'something', endAfter: 1, ending: 'hang' },
  );
  const engine = testEngine({ runs, settings: server.settings({ home, baseUrl: api.baseUrl }) });
  try {
    const common = { engine: 'temporal', createdAt: '2026-11-30T10:15:00.000Z' } as const;
    const [stuck, late] = [{ name: 'stuck' }, { name: 'late' }];
    const plan = await storePlan({ runs, blobs }, { ...common, runId: 'r-history-updated', branches: [stuck] });
    const [, added] = (await buildPlan(blobs, { ...common, branches: [stuck, late] })).branches;
    if (added === undefined) throw new Error('The plan has no second branch.');
    await engine.start(plan);
    await api.received(1);
    await engine.addBranch(plan.runId, added);
    await engine.changeLimits(plan.runId, { timeoutSeconds: 50 });
    await api.received(2);
    await engine.cancel(plan.runId, plan.branches[0]?.branchId);
    await keep(plan.runId, `${name}-updated`);
  } finally {
    await engine.dispose();
    await api.close();
    await rm(home, { recursive: true, force: true });
  }
}

/** A run goes through several executions: the last one is kept, and the one before, which ends where the last one begins. */
async function recordContinued(): Promise<void> {
  const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-history-'));
  const runs = createRunStore(path.join(home, 'runs'));
  const blobs = createBlobStore(path.join(home, 'blobs'));
  const api = await startMessagesApi(({ body }) =>
    body.messages.length < 9 ? { content: [{ type: 'tool_use', name: 'Read', input: { file_path: '/a' } }] } : 'Done.',
  );
  const settings = server.settings({ home, baseUrl: api.baseUrl });
  const engine = testEngine({ runs, settings, continueAfterEvents: 50, branchesAtOnce: 3 });
  try {
    const result = { content: 'text of a', isError: false };
    const plan = await storePlan(
      { runs, blobs },
      {
        engine: 'temporal',
        createdAt: '2026-11-30T10:15:00.000Z',
        runId: 'r-history-continued',
        branches: ['leader', 'follower', 'third', 'fourth'].map((branch) => ({ name: branch, cacheGroup: 'prefix' })),
        turns: [{ turn: 1, prompt: null, calls: [{ name: 'Read', input: { file_path: '/a' }, result }] }],
      },
    );
    await engine.start(plan);
    await keep(plan.runId, `${name}-continued`);
    await keepOneBefore(plan.runId, `${name}-continues`);
  } finally {
    await engine.dispose();
    await api.close();
    await rm(home, { recursive: true, force: true });
  }
}

/** The second firing of a schedule of two runs: it knows the first, and compares itself with it. */
async function recordScheduled(): Promise<void> {
  const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-history-'));
  const blobs = createBlobStore(path.join(home, 'blobs'));
  const api = await startMessagesApi(() => 'Done.');
  const schedules = createTemporalSchedules({ settings: server.settings({ home, baseUrl: api.baseUrl }), blobs });
  const schedule = 'r-history-scheduled';
  try {
    const plan = await buildPlan(blobs, { engine: 'temporal', branches: [{ name: 'one' }] });
    const item = { asked: null, plan: await blobs.put(plan) };
    const order: ScheduleOrder = {
      version: 1,
      items: [item, item],
      claudeDirs: [],
      claudePath: null,
      extensionFolders: [],
      provider: 'anthropic',
    };
    const { sessionId } = plan.session;
    const what = { cron: '@yearly', timezone: 'UTC', order: await blobs.put(order), sessions: [sessionId, sessionId] };
    await schedules.create({ name: schedule, ...what });
    await schedules.ensureWorker();
    let firing = '';
    for (const _time of [1, 2]) {
      await schedules.trigger(schedule);
      firing = await endedFiring(schedules, schedule, firing);
    }
    await withClient(async (client) => {
      await store(await client.workflow.getHandle(firing).fetchHistory(), `${name}-scheduled`);
    });
  } finally {
    await schedules.dispose();
    await killWorkers(home);
    await api.close();
    await rm(home, { recursive: true, force: true });
  }
}

/** Id of the firing after another one, once it has ended. */
async function endedFiring(schedules: ScheduleEngine, schedule: string, before: string): Promise<string> {
  for (;;) {
    const { firing } = await schedules.state(schedule);
    if (firing !== null && firing.id !== before && firing.state !== 'running') return firing.id;
    await delay(200);
  }
}

async function recordAgents(): Promise<void> {
  const stage = await ForkStage.open();
  const workerScript = await builtWorker();
  const services = await stage.services({ temporal: { address: server.address, workerScript } });
  const scenes: Record<string, (runId: RunId) => Promise<void>> = {
    question: (runId) => answerQuestion(stage, services, runId),
    cancel: (runId) => cancelInTool(stage, services, runId),
    crash: (runId) => killWorker(stage, services, runId),
  };
  try {
    for (const [scene, play] of Object.entries(scenes)) {
      const runId = runIdSchema.parse(`r-history-${scene}`);
      await play(runId);
      await services.forks.whenEnded(runId, AbortSignal.timeout(180_000));
      await keep(runId, `${name}-${scene}`);
    }
  } finally {
    await services.dispose();
    await killWorkers(stage.home);
    await stage.close();
  }
}

/** An agent's prompt with all that surrounds it as one activity, and several prompts over several executions. */
async function recordPrompts(): Promise<void> {
  const stage = await ForkStage.open();
  const workerScript = await builtWorker();
  const services = await stage.services({
    temporal: { address: server.address, workerScript, continueAfterEvents: 12 },
  });
  stage.answer(() => 'Done.');
  try {
    const whole = runIdSchema.parse('r-history-whole');
    await services.forks.dispatch(stage.fork({ engine: 'temporal', checks: [{ name: 'check', run: 'true' }] }), whole);
    await services.forks.whenEnded(whole, AbortSignal.timeout(180_000));
    await keep(whole, `${name}-whole`);
    const replayed = runIdSchema.parse('r-history-replayed');
    const request = { session: recorded.sessionId, from: 1, engine: 'temporal', executor: 'claude-code' };
    await services.forks.dispatchReplay(replayRequestSchema.parse(request), replayed);
    await services.forks.whenEnded(replayed, AbortSignal.timeout(180_000));
    await keep(replayed, `${name}-replayed`);
    await keepOneBefore(replayed, `${name}-replays`);
  } finally {
    await services.dispose();
    await killWorkers(stage.home);
    await stage.close();
  }
}

/** Three agents of which one works at once: one asks a person, and the others work meanwhile. */
async function recordSlots(): Promise<void> {
  const stage = await ForkStage.open();
  const services = await stage.services({ temporal: { address: server.address, workerScript: await builtWorker() } });
  const runId = runIdSchema.parse('r-history-slots');
  stage.answer((request) => {
    const last = lastOfUser(request);
    return last.includes('tool_result') || last.includes('Ask nothing') ? 'Done.' : bash('node -e 1');
  });
  try {
    const others = ['two', 'three'].map((other) => ({ name: other, prompt: 'Ask nothing.' }));
    const branches = [{ name: 'one' }, ...others];
    await services.forks.dispatch(stage.fork({ engine: 'temporal', branches, concurrency: 1 }), runId);
    const asked = await untilView(services, runId, (view) => branchOf(view, 'three').state === 'completed');
    const [question] = branchOf(asked, 'one').questions;
    await services.forks.answer(runId, 'one', question?.callId ?? '', { behavior: 'allow', scope: 'call' });
    await services.forks.whenEnded(runId, AbortSignal.timeout(180_000));
    await keep(runId, `${name}-slots`);
  } finally {
    await services.dispose();
    await killWorkers(stage.home);
    await stage.close();
  }
}

/** One of two branches asks a person, the other fails; then the checks run. */
async function answerQuestion(stage: ForkStage, { forks }: Services, runId: RunId): Promise<void> {
  stage.answer((request) => {
    const last = lastOfUser(request);
    if (last.includes('fails')) return { status: 400 };
    if (last.includes('tool_result')) return 'Done.';
    return bash('node -e 1');
  });
  const branches = [{ name: 'one' }, { name: 'two', prompt: 'This fails.' }];
  await forks.dispatch(stage.fork({ engine: 'temporal', branches, checks: [{ name: 'check', run: 'true' }] }), runId);
  const asked = await untilView({ forks }, runId, (view) => branchOf(view, 'one').questions.length === 1);
  const [question] = branchOf(asked, 'one').questions;
  await forks.answer(runId, 'one', question?.callId ?? '', { behavior: 'allow', scope: 'call' });
}

/** A run is cancelled while one branch is in a tool and another waits for its turn. */
async function cancelInTool(stage: ForkStage, { forks }: Services, runId: RunId): Promise<void> {
  stage.answer(() => bash('echo once > done.txt; sleep 600'));
  const branches = [{ name: 'one' }, { name: 'two' }];
  const fork = stage.fork({ engine: 'temporal', permissions: 'bypass', concurrency: 1, branches });
  await forks.dispatch(fork, runId);
  await untilView({ forks }, runId, (view) => branchOf(view, 'one').toolCalls.length > 0);
  await forks.cancel(runId);
}

/** The worker is killed while an agent is in a tool, and another goes on. */
async function killWorker(stage: ForkStage, { forks }: Services, runId: RunId): Promise<void> {
  stage.answer((request) =>
    lastOfUser(request).includes('You were interrupted') ? 'Done.' : bash('echo once > done.txt; sleep 600'),
  );
  await forks.dispatch(stage.fork({ engine: 'temporal', permissions: 'bypass' }), runId);
  await untilView({ forks }, runId, (view) => branchOf(view, 'one').toolCalls.length > 0);
  await killWorkers(stage.home);
  await forks.resume(runId);
}

function lastOfUser({ body }: ReceivedRequest): string {
  return JSON.stringify(body.messages.findLast(({ role }: { role: string }) => role === 'user'));
}

function bash(command: string): Reply {
  return { content: [{ type: 'tool_use', name: 'Bash', input: { command } }] };
}

/** Fetches the history of a run that has ended, and keeps it among the fixtures. */
async function keep(runId: RunId, as: string): Promise<void> {
  await withClient(async (client) => {
    const handle = client.workflow.getHandle(workflowIdOf(runId));
    await handle.result();
    await store(await handle.fetchHistory(), as);
  });
}

/** The same of the execution before the last one. */
async function keepOneBefore(runId: RunId, as: string): Promise<void> {
  await withClient(async (client) => {
    const { events } = await client.workflow.getHandle(workflowIdOf(runId)).fetchHistory();
    const before = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
    if (!before) throw new Error('The run went through one execution only.');
    await store(await client.workflow.getHandle(workflowIdOf(runId), before).fetchHistory(), as);
  });
}

async function withClient(action: (client: Client) => Promise<void>): Promise<void> {
  const connection = await Connection.connect({ address: server.address });
  try {
    await action(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

async function store(history: Parameters<typeof historyToJSON>[0], as: string): Promise<void> {
  const folder = path.resolve(import.meta.dirname, '../fixtures/temporal');
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, `${as}.history.json`), `${withoutMachine(historyToJSON(history))}\n`);
}

/** The history as one line an event, without what tells of this machine. */
function withoutMachine(history: string): string {
  const { events } = JSON.parse(history, (key, value: unknown) => {
    if (key === 'identity') return 'worker@test';
    if (key === 'stackTrace') return '';
    // Of the queue that a worker keeps its runs in.
    return typeof value === 'string' ? value.replace(/^forkpoint-worker-\d+@.*-/, 'forkpoint-worker-1@test-') : value;
  }) as { events: unknown[] };
  return `{"events":[\n${events.map((event) => JSON.stringify(event)).join(',\n')}\n]}`;
}
