import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import {
  Client,
  Connection,
  type WorkflowHandle,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { MockActivityEnvironment, TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, type LogEntry, Runtime, Worker } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { toolPath } from '../../scripts/tools.ts';
import { systemClock } from '../../src/adapters/systemClock.ts';
import type { StoredReply } from '../../src/core/api/storedReply.ts';
import type { Clock } from '../../src/core/clock.ts';
import { ModelCallError, type ModelFailureKind } from '../../src/core/errors.ts';
import type { ForkPlan } from '../../src/core/fork/forkPlan.ts';
import { blobRefSchema, branchIdSchema } from '../../src/core/ids.ts';
import type { AgentWork } from '../../src/core/run/agent/agentWork.ts';
import type { AnswerOrder } from '../../src/core/run/agent/answerOrder.ts';
import type { BranchEvent } from '../../src/core/run/branchEvent.ts';
import type { StepResult } from '../../src/core/run/branchOutcome.ts';
import type { CallGate } from '../../src/core/run/callGate.ts';
import type { ModelClient, RunStore } from '../../src/core/run/ports.ts';
import type { LimitChange } from '../../src/core/run/runLimits.ts';
import { type Activities, createActivities, heartbeatEveryMs } from '../../src/orchestration/temporal/activities.ts';
import { agentQueueOf } from '../../src/orchestration/temporal/agentQueueOf.ts';
import type { DurableOrder } from '../../src/orchestration/temporal/durableRun/durableOrder.ts';
import type { BranchProgress } from '../../src/orchestration/temporal/durableRun/runProgress.ts';
import { loadRunPage } from '../../src/orchestration/temporal/loadRunPage.ts';
import { workflowIdOf } from '../../src/orchestration/temporal/workflowIdOf.ts';
import type { forkRun } from '../../src/orchestration/temporal/workflows.ts';
import { agentPlan } from '../support/agentBench.ts';
import { FakeClock } from '../support/fakeClock.ts';
import { MemoryBlobs, MemoryLog, sha256 } from '../support/memoryStores.ts';
import { noAgents } from '../support/noAgents.ts';
import { buildPlan, type PlanOptions } from '../support/storedPlan.ts';
import { noTraceSinks, workflowBundle } from '../support/temporal.ts';
import { windowGate } from '../support/windowGate.ts';

type Stream = ModelClient['stream'];
type CallOrder = Parameters<Activities['callModel']>[0];

const retry = { initialMs: 1_000, factor: 2, maxMs: 60_000, attempts: 5 };

/** What came, and the means to wait for what is still to come. */
class Seen<T> {
  readonly all: T[] = [];
  readonly #waiting = new Set<() => void>();

  push(item: T): void {
    this.all.push(item);
    for (const look of this.#waiting) look();
  }

  first(fits: (item: T) => boolean): Promise<T> {
    return new Promise((resolve) => {
      const look = (): void => {
        const item = this.all.find(fits);
        if (item === undefined) return;
        this.#waiting.delete(look);
        resolve(item);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

const noUsage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };
const saidYes: StoredReply = {
  content: [{ type: 'text', text: 'Yes.' }],
  model: 'claude-haiku-4-5',
  stopReason: 'end_turn',
  usage: noUsage,
  requestId: null,
};

function modelError(
  kind: ModelFailureKind,
  facts: { status?: number; retryAfterMs?: number; mayBeBilled?: boolean } = {},
): ModelCallError {
  const { status = null, retryAfterMs = null, mayBeBilled = false } = facts;
  const rest = { partialText: '', requestId: null };
  return new ModelCallError(kind, `It is ${kind}.`, 'Look.', { status, retryAfterMs, mayBeBilled, ...rest });
}

/** The product's activities on stores in memory, with a made-up model in the place of the Messages API. */
async function activitiesOn(stream: Stream, clock: Clock, agents: Partial<AgentWork> | null = null, gate?: CallGate) {
  const blobs = new MemoryBlobs();
  const log = new MemoryLog();
  const plan = await buildPlan(blobs, { branches: [{ name: 'one' }] });
  const branch = plan.branches[0]!;
  const { runId } = plan;
  const { branchId, request, recording } = branch;
  const call = { runId, branchId, provider: plan.provider, step: 1, turn: 1, request };
  const client: ModelClient = { stream, listModels: async () => [] };
  return {
    log,
    order: { call, retry, announceFirstToken: false } satisfies CallOrder,
    // An answer that is in no store.
    lostReply: { ...call, reply: sha256('lost') as StepResult['reply'], recording, tools: plan.tools },
    activities: createActivities({
      blobs,
      runs: log as Partial<RunStore> as RunStore,
      models: async () => client,
      prices: { cost: () => 0 },
      clock,
      ...(gate !== undefined && { gate }),
      agents: agents === null ? noAgents : async () => agents as AgentWork,
    }),
  };
}

const failsWith =
  (error: Error): Stream =>
  () =>
    Promise.reject(error);

async function failureOf(work: Promise<unknown>): Promise<ApplicationFailure> {
  const error = await work.then(
    () => expect.unreachable('It was to fail.'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApplicationFailure);
  return error as ApplicationFailure;
}

describe('the activities, in the mock environment', () => {
  const entries = new Seen<LogEntry>();
  const logger = new DefaultLogger('WARN', (entry) => entries.push(entry));
  const environment = (attempt = 1, client?: Client): MockActivityEnvironment =>
    new MockActivityEnvironment({ attempt }, { logger, ...(client === undefined ? {} : { client }) });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('send heartbeats as long as a call is under way, and no longer', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const asked = Promise.withResolvers<void>();
    const reply = Promise.withResolvers<StoredReply>();
    const { activities, order } = await activitiesOn(() => {
      asked.resolve();
      return reply.promise;
    }, new FakeClock());
    const mock = environment();
    let beats = 0;
    mock.on('heartbeat', () => beats++);
    const calling = mock.run(activities.callModel, order);
    await asked.promise;
    vi.advanceTimersByTime(3 * heartbeatEveryMs);
    expect(beats).toBe(3);
    reply.resolve(saidYes);
    expect(await calling).toMatchObject({ step: 1, stopReason: 'end_turn' });
    vi.advanceTimersByTime(10 * heartbeatEveryMs);
    expect(beats).toBe(3);
  });

  it('send no more heartbeats after a failure', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { activities, order } = await activitiesOn(failsWith(modelError('overloaded')), new FakeClock());
    const mock = environment();
    const beat = vi.fn<() => void>();
    mock.on('heartbeat', beat);
    await failureOf(mock.run(activities.callModel, order));
    vi.advanceTimersByTime(10 * heartbeatEveryMs);
    expect(beat).not.toHaveBeenCalled();
  });

  it('hand a cancellation to the model client, and end with the SDK’s own error whatever the client makes of it', async () => {
    const asked = Promise.withResolvers<AbortSignal>();
    const { activities, order, log } = await activitiesOn(
      (_request, _betas, { signal, onEvent }) =>
        new Promise((_resolve, reject) => {
          onEvent({ type: 'text', text: 'Ye' });
          signal.addEventListener('abort', () => reject(modelError('overloaded')));
          asked.resolve(signal);
        }),
      new FakeClock(),
    );
    const mock = environment();
    const calling = mock.run(activities.callModel, order);
    const signal = await asked.promise;
    expect(signal.aborted).toBe(false);
    mock.cancel();
    const error = await calling.catch((reason: unknown) => reason);
    expect(signal.aborted).toBe(true);
    expect(error).toBeInstanceOf(CancelledFailure);
    expect(error).toBe(signal.reason);
    expect(log.logged).toMatchObject([{ type: 'request-sent' }, { type: 'text-delta', text: 'Ye' }]);
  });

  it('leave a failure that may be tried again to the server, after the time that the API asked for', async () => {
    const limited = modelError('rate_limited', { status: 429, retryAfterMs: 7_000 });
    const { activities, order, log } = await activitiesOn(failsWith(limited), new FakeClock());
    const failure = await failureOf(environment().run(activities.callModel, order));
    expect(failure).toMatchObject({ type: 'rate_limited', nextRetryDelay: 7_000 });
    expect(failure.nonRetryable).not.toBe(true);
    expect(failure.details).toMatchObject([{ code: 'rate_limited', model: { status: 429 } }]);
    expect(log.logged).toMatchObject([
      { type: 'request-sent', attempt: 1 },
      { type: 'retrying', attempt: 1, delayMs: 7_000, billing: 'known', error: { code: 'rate_limited' } },
    ]);
  });

  it.each([
    { attempt: 1, from: 500, to: 1_000 },
    { attempt: 3, from: 2_000, to: 4_000 },
  ])('choose the delay themselves where the API asked for none: try $attempt', async ({ attempt, from, to }) => {
    const { activities, order, log } = await activitiesOn(failsWith(modelError('overloaded')), new FakeClock());
    const { nextRetryDelay } = await failureOf(environment(attempt).run(activities.callModel, order));
    expect(nextRetryDelay).toBeGreaterThanOrEqual(from);
    expect(nextRetryDelay).toBeLessThanOrEqual(to);
    expect(log.logged.at(-1)).toMatchObject({ type: 'retrying', attempt, delayMs: nextRetryDelay });
  });

  it('hold every call back while the key is rate limited, and let a held one be cancelled', async () => {
    const clock = new FakeClock();
    const stream = vi.fn<Stream>().mockRejectedValueOnce(modelError('rate_limited', { retryAfterMs: 7_000 }));
    stream.mockResolvedValue(saidYes);
    const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-held-'));
    onTestFinished(() => rm(home, { recursive: true }));
    const { activities, order } = await activitiesOn(stream, clock, null, windowGate(home, 'a', undefined, clock));
    await failureOf(environment().run(activities.callModel, order));
    const mock = environment();
    const phases = new Seen<{ phase: string }>();
    mock.on('heartbeat', (details: { phase: string }) => phases.push(details));
    const held = environment().run(activities.callModel, order);
    // Another step: the calls of one step are made in turn.
    const cancelled = mock.run(activities.callModel, { ...order, call: { ...order.call, step: 2 } });
    await expect.poll(() => clock.waits).toHaveLength(2);
    expect(await phases.first(() => true)).toEqual({ phase: 'held back' });
    expect(clock.waits[0]).toBeGreaterThanOrEqual(7_000);
    mock.cancel();
    await expect(cancelled).rejects.toBeInstanceOf(CancelledFailure);
    expect(stream).toHaveBeenCalledTimes(1);
    clock.advance(7_250);
    await expect(held).resolves.toMatchObject({ step: 1 });
    expect(stream).toHaveBeenCalledTimes(2);
  });

  it.each([
    ['a refused key', modelError('authentication', { status: 401 })],
    ['a cut stream, which may have been billed', modelError('stream_cut', { status: 200, mayBeBilled: true })],
    ['an overload in mid-stream', modelError('overloaded', { status: 200, mayBeBilled: true })],
    ['an error of our own', new Error('It is broken.')],
  ])('have nothing tried again after %s', async (_what, error) => {
    const { activities, order, log } = await activitiesOn(failsWith(error), new FakeClock());
    const failure = await failureOf(environment().run(activities.callModel, order));
    expect(failure.nonRetryable).toBe(true);
    // It enters the history: what is said in it stays here.
    const { message, stack, details, cause } = failure;
    expect(JSON.stringify({ message, stack, details, cause: String(cause) })).not.toMatch(/It is|Look|src/);
    expect(failure.nextRetryDelay).toBeUndefined();
    expect(log.logged.map(({ type }) => type)).toEqual(['request-sent']);
  });

  it.each([
    { attempt: retry.attempts - 1, again: true },
    { attempt: retry.attempts, again: false },
  ])('know the last try: $attempt of 5', async ({ attempt, again }) => {
    const { activities, order, log } = await activitiesOn(failsWith(modelError('overloaded')), new FakeClock());
    const failure = await failureOf(environment(attempt).run(activities.callModel, order));
    expect(failure.nonRetryable === true).toBe(!again);
    expect(log.logged.some(({ type }) => type === 'retrying')).toBe(again);
  });

  it('let a file that can’t be read be tried again by the policy alone', async () => {
    const { activities, lostReply } = await activitiesOn(failsWith(new Error('not asked')), new FakeClock());
    const failure = await failureOf(environment().run(activities.advanceBranch, lostReply));
    expect(failure).toMatchObject({ type: 'not_found', details: [{ code: 'not_found' }] });
    expect(failure.nonRetryable).not.toBe(true);
    expect(failure.nextRetryDelay).toBeUndefined();
  });

  describe('that tell the workflow', () => {
    const speaks: Stream = async (_request, _betas, { onEvent }) => {
      onEvent({ type: 'first-token' });
      return saidYes;
    };
    const signals = vi.fn<(workflowId: string | undefined, name: string, args: unknown[]) => Promise<void>>();
    // The SDK's own client; the interceptor takes each signal before it would leave.
    const connection = Connection.lazy({ address: '127.0.0.1:1' });
    const client = new Client({
      connection,
      interceptors: {
        workflow: [
          {
            signal: ({ workflowExecution, signalName, args }) =>
              signals(workflowExecution.workflowId, signalName, args),
          },
        ],
      },
    });
    beforeEach(() => {
      signals.mockReset().mockResolvedValue();
    });
    afterAll(() => connection.close());

    it.each([true, false])(
      'signal the first token to their own workflow if asked to: %s',
      async (announceFirstToken) => {
        const { activities, order, log } = await activitiesOn(speaks, new FakeClock());
        await environment(1, client).run(activities.callModel, { ...order, announceFirstToken });
        expect(signals.mock.calls).toEqual(announceFirstToken ? [['test', 'firstToken', ['b1']]] : []);
        expect(log.logged.map(({ type }) => type)).toEqual(['request-sent', 'first-token', 'step-completed']);
      },
    );

    it('complete all the same when that can’t be signalled', async () => {
      signals.mockRejectedValue(new Error('The server is away.'));
      const { activities, order } = await activitiesOn(speaks, new FakeClock());
      const result = await environment(1, client).run(activities.callModel, { ...order, announceFirstToken: true });
      expect(result).toMatchObject({ step: 1, stopReason: 'end_turn' });
      const { meta } = await entries.first(({ message }) => message === 'The first token could not be announced.');
      expect(meta).toMatchObject({ error: { message: 'The server is away.' } });
    });

    const over = { kind: 'completed', stopReason: 'end_turn', error: null, costUsd: 0 } as const;
    const turnThat = async (turn: AgentWork['turn']) => {
      const { activities, order } = await activitiesOn(speaks, systemClock, { turn });
      const { runId, branchId } = order.call;
      const running = environment(1, client);
      const input = { runId, branchId, turn: 0, announceFirstToken: false };
      return { running, result: running.run(activities.agentTurn, input) };
    };

    it('announce a question until the workflow has heard of it, and only then show it', async () => {
      for (let tries = 0; tries < 4; tries += 1) signals.mockRejectedValueOnce(new Error('The server is away.'));
      let heardAt = 0;
      const { result } = await turnThat(async (_ref, { signal, onQuestion }) => {
        await onQuestion?.('c1', 'open', signal);
        heardAt = signals.mock.calls.length;
        return over;
      });
      await expect(result).resolves.toEqual(over);
      expect(heardAt).toBe(5);
      expect(signals.mock.calls.at(-1)).toEqual(['test', 'question', ['b1', 'c1', 'open']]);
    });

    it('give a question up when nobody waits for the answer any more, or the run is gone', async () => {
      signals.mockRejectedValue(new Error('The server is away.'));
      const withdrawn = new AbortController();
      const { result } = await turnThat(async (_ref, { onQuestion }) => {
        setTimeout(() => withdrawn.abort(new Error('Withdrawn.')), 50);
        await expect(onQuestion?.('c1', 'open', withdrawn.signal)).rejects.toThrow('Withdrawn.');
        // That it is closed is said a few times, and is no reason to fail.
        const before = signals.mock.calls.length;
        await onQuestion?.('c1', 'closed', withdrawn.signal);
        expect(signals.mock.calls.length - before).toBe(3);
        signals.mockRejectedValue(new WorkflowNotFoundError('Gone.', 'test', undefined));
        await onQuestion?.('c2', 'open', new AbortController().signal);
        return over;
      });
      await expect(result).resolves.toEqual(over);
    });

    it('hand on how an agent ended without what it said', async () => {
      const said = { code: 'agent', message: 'It said: secret', hint: 'Ask secret.' };
      const { result } = await turnThat(async () => ({ ...over, kind: 'failed', error: said }));
      const outcome = await result;
      expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'agent' } });
      expect(JSON.stringify(outcome)).not.toContain('secret');
    });
  });
});

// The SDK downloads its time-skipping server from the vendor's host, which tests must not depend on. So this is its other
// environment, the CLI's server in memory and in real time: limits are as short as they may be, and what has to be waited
// for is an event, never a span.
describe('the workflow, in the test environment', () => {
  let env: TestWorkflowEnvironment;
  let code: string;
  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });
    code = await workflowBundle();
    env = await TestWorkflowEnvironment.createLocal({
      server: {
        executable: { type: 'existing-path', path: toolPath('temporal') },
        ip: '127.0.0.1',
        log: { format: 'pretty', level: 'error' },
      },
    });
  });
  afterAll(() => env?.teardown());

  /** One workflow under test, seen from its activities. */
  interface Scene {
    handle: WorkflowHandle<typeof forkRun>;
    log: Seen<BranchEvent>;
    calls: Seen<MockedCall>;
    /** Resolves when the branch's end is in the log. */
    ended(branchId: string): Promise<BranchEvent>;
    progress(): Promise<Record<string, string>>;
  }
  interface MockedCall {
    branchId: string;
    attempt: number;
    announceFirstToken: boolean;
    /** Of the server: when it handed the try out. */
    scheduledMs: number;
  }
  type Model = (order: CallOrder, context: Context) => Promise<StepResult>;
  type Limits = Partial<Pick<DurableOrder, 'retry' | 'heartbeatMs' | 'continueAfterEvents'>>;

  const done = ({ call }: CallOrder): StepResult => ({
    step: call.step,
    turn: call.turn,
    reply: call.request,
    model: 'claude-haiku-4-5',
    stopReason: 'end_turn',
    usage: noUsage,
    toolCalls: 0,
    costUsd: 0,
  });

  /** Stays under way, with heartbeats, until it is released or the branch is cancelled. */
  const hang = async (context: Context, release?: Promise<void>): Promise<void> => {
    const heart = setInterval(() => context.heartbeat(), 50);
    try {
      await Promise.race([context.cancelled, ...(release === undefined ? [] : [release])]);
    } finally {
      clearInterval(heart);
    }
  };

  async function play(options: PlanOptions & Limits, model: Model, scene: (scene: Scene) => Promise<void>) {
    const plan: ForkPlan = await buildPlan(new MemoryBlobs(), { engine: 'temporal', ...options });
    await playPlan(plan, options, model, {}, scene);
  }

  async function playPlan(
    plan: ForkPlan,
    options: Limits,
    model: Model,
    more: Partial<Activities>,
    scene: (scene: Scene) => Promise<void>,
  ) {
    const { continueAfterEvents } = options;
    const blobs = new MemoryBlobs();
    const order: DurableOrder = {
      version: 2,
      runId: plan.runId,
      plan: await blobs.put(plan),
      branches: null,
      attempt: 1,
      retry: options.retry ?? retry,
      heartbeatMs: options.heartbeatMs ?? 10_000,
      branchesAtOnce: 100,
      together: true,
      ...(continueAfterEvents !== undefined && { continueAfterEvents }),
      cursor: null,
    };
    const log = new Seen<BranchEvent>();
    const calls = new Seen<MockedCall>();
    const activities: Partial<Activities> = {
      callModel: (input) => {
        const context = Context.current();
        const { attempt, currentAttemptScheduledTimestampMs: scheduledMs } = context.info;
        const { announceFirstToken } = input;
        calls.push({ branchId: input.call.branchId, attempt, announceFirstToken, scheduledMs });
        return model(input, context);
      },
      loadRun: (asked) => loadRunPage(asked, { blobs, runs: { events: async () => log.all } }),
      advanceBranch: () => expect.unreachable('No reply here has a tool call.'),
      appendEvents: async (events) => events.forEach((event) => log.push(event)),
      ...more,
    };
    const agents = await Worker.create({
      connection: env.nativeConnection,
      taskQueue: agentQueueOf(plan.runId),
      activities,
      maxHeartbeatThrottleInterval: 50,
      defaultHeartbeatThrottleInterval: 50,
      shutdownForceTime: 5_000,
    });
    const worker = await Worker.create({
      connection: env.nativeConnection,
      taskQueue: plan.runId,
      workflowBundle: { code },
      sinks: noTraceSinks,
      activities,
      maxHeartbeatThrottleInterval: 50,
      defaultHeartbeatThrottleInterval: 50,
      shutdownForceTime: 5_000,
    });
    const scenes = worker.runUntil(async () => {
      const handle = await env.client.workflow.start<typeof forkRun>('forkRun', {
        workflowId: workflowIdOf(plan.runId),
        taskQueue: plan.runId,
        args: [order],
      });
      await scene({
        handle,
        log,
        calls,
        ended: (branchId) => log.first((event) => event.type === 'branch-ended' && event.branchId === branchId),
        progress: async () => {
          const progress = await handle.query<Record<string, BranchProgress>>('progress');
          const begun = Object.entries(progress).filter(([, { state }]) => state !== 'pending');
          return Object.fromEntries(begun.map(([branchId, { state }]) => [branchId, state]));
        },
      });
    });
    await agents.runUntil(scenes);
  }

  /** What became of the timers, in the order of the workflow’s history. */
  async function timersOf({ handle }: Scene): Promise<string[]> {
    const { events } = await handle.fetchHistory();
    return (events ?? []).flatMap((event) => {
      if (event.timerStartedEventAttributes) return [`${event.timerStartedEventAttributes.timerId} started`];
      if (event.timerFiredEventAttributes) return [`${event.timerFiredEventAttributes.timerId} fired`];
      if (event.timerCanceledEventAttributes) return [`${event.timerCanceledEventAttributes.timerId} cancelled`];
      return [];
    });
  }

  it('ends a branch that takes too long, and no other', async () => {
    const model: Model = async (order, context) => {
      if (order.call.branchId === 'b1') await hang(context);
      return done(order);
    };
    const branches = [{ name: 'slow', cacheGroup: 'g' }, { name: 'behind', cacheGroup: 'g' }, { name: 'beside' }];
    await play({ timeoutSeconds: 2, branches }, model, async (scene) => {
      const [slow, behind, beside] = await Promise.all(['b1', 'b2', 'b3'].map((id) => scene.ended(id)));
      expect(slow).toMatchObject({
        outcome: { state: 'failed', stopReason: 'timeout', error: { code: 'timeout' }, billing: 'unknown' },
      });
      // Its own time begins when it may leave: here when the first branch's has run out.
      expect(behind).toMatchObject({ outcome: { state: 'completed', stopReason: 'end_turn' } });
      expect(beside).toMatchObject({ outcome: { state: 'completed', stopReason: 'end_turn' } });
      expect(await scene.handle.result()).toBe('failed');
      expect(scene.calls.all.map(({ branchId }) => branchId).sort()).toEqual(['b1', 'b2', 'b3']);
      const at = (type: string, id: string) =>
        Date.parse(
          scene.log.all.find((event) => event.type === type && 'branchId' in event && event.branchId === id)!.at,
        );
      expect(at('branch-ended', 'b1') - at('branch-started', 'b1')).toBeGreaterThanOrEqual(2_000);
      expect(at('branch-started', 'b2')).toBeGreaterThanOrEqual(at('branch-ended', 'b1'));
      // The first two that began had one between them.
      expect(await timersOf(scene)).toEqual(['1 started', '1 fired', '2 started']);
    });
  });

  it('has one timer for all branches, set anew when their limit changes, and writes together what begins together', async () => {
    const batches: string[][] = [];
    const log = new Seen<BranchEvent>();
    const more: Partial<Activities> = {
      changeLimits: async () => {},
      appendEvents: async (events) => {
        batches.push(events.map(({ type }) => type));
        events.forEach((event) => log.push(event));
      },
    };
    const model: Model = async (order, context) => {
      await hang(context);
      return done(order);
    };
    const branches = [{ name: 'one' }, { name: 'two' }, { name: 'three' }];
    const plan = await buildPlan(new MemoryBlobs(), { engine: 'temporal', timeoutSeconds: 600, branches });
    await playPlan(plan, {}, model, more, async (scene) => {
      await scene.calls.first(({ branchId }) => branchId === 'b3');
      expect(batches).toEqual([['run-started', 'branch-started', 'branch-started', 'branch-started']]);
      await scene.handle.executeUpdate<void, [LimitChange]>('changeLimits', { args: [{ timeoutSeconds: 1 }] });
      expect(await scene.handle.result()).toBe('failed');
      const ends = log.all.flatMap((event) => (event.type === 'branch-ended' ? [event.outcome.stopReason] : []));
      expect(ends).toEqual(['timeout', 'timeout', 'timeout']);
      const timers = await timersOf(scene);
      expect(timers.slice(0, 3)).toEqual(['1 started', '1 cancelled', '2 started']);
      expect(timers.filter((timer) => timer.endsWith('fired')).length).toBeLessThanOrEqual(1);
    });
  });

  describe('with agents', () => {
    const noModel: Model = () => expect.unreachable('No model is asked here.');
    /** An agent whose turns are scripted; what it does is noted. */
    const agentOf = (turns: Activities['agentTurn'][]) => {
      const did: string[] = [];
      const note = (what: string) => async () => void did.push(what);
      const activities: Partial<Activities> = {
        wholeAgentTurn: async ({ first, last, ...order }) => {
          did.push(...(first ? ['prepare'] : []), `turn ${order.turn}`);
          const outcome = await (turns.shift() ?? expect.unreachable('The script has run out.'))(order);
          const finished = last && outcome.kind === 'completed';
          if (finished) did.push('finish with checks');
          return { ...outcome, finished };
        },
        endAgent: ({ checks }) => note(checks ? 'finish with checks' : 'finish')(),
        discardAgent: note('discard'),
        noteWaiting: ({ until }) => note(`wait until ${until}`)(),
      };
      return { did, activities };
    };
    const plan = () => agentPlan(new MemoryBlobs(), { engine: 'temporal', branches: [{ name: 'one' }] });
    const ended = { stopReason: 'end_turn', error: null, costUsd: 0 };

    it('waits for a usage limit on a durable timer, and goes on with the same prompt', async () => {
      const resetsAt = new Date(Date.now() + 2_500).toISOString();
      const { did, activities } = agentOf([
        async () => ({ ...ended, kind: 'limit', resetsAt }),
        async () => ({ ...ended, kind: 'completed' }),
      ]);
      await playPlan(await plan(), {}, noModel, activities, async (scene) => {
        expect(await scene.handle.result()).toBe('completed');
        expect(did).toEqual(['prepare', 'turn 0', `wait until ${resetsAt}`, 'turn 0', 'finish with checks']);
        expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(resetsAt));
        const timers = await timersOf(scene);
        expect(timers.filter((timer) => timer.endsWith('started'))).toHaveLength(1);
        expect(timers.filter((timer) => timer.endsWith('fired'))).toHaveLength(1);
      });
    });

    it('lets another branch work while one waits for an answer or for the limit, which then waits for its turn', async () => {
      const both = await agentPlan(new MemoryBlobs(), {
        engine: 'temporal',
        branches: [{ name: 'one' }, { name: 'two' }],
        agent: { concurrency: 1 },
      });
      const { promise: released, resolve: release } = Promise.withResolvers<void>();
      const { promise: others, resolve: otherBegins } = Promise.withResolvers<void>();
      const resetsAt = new Date(Date.now() + 1_000).toISOString();
      const turns: string[] = [];
      const turn: Activities['agentTurn'] = async ({ branchId }) => {
        const { client, info } = Context.current();
        turns.push(branchId);
        if (branchId === 'b2') {
          otherBegins();
          await hang(Context.current(), released);
        }
        if (turns.length > 1) return { ...ended, kind: 'completed' };
        const asking = client.workflow.getHandle(info.workflowExecution!.workflowId);
        await asking.signal('question', 'b1', 'c1', 'open');
        await others;
        await asking.signal('question', 'b1', 'c1', 'closed');
        return { ...ended, kind: 'limit', resetsAt };
      };
      const { did, activities } = agentOf([turn, turn, turn]);
      await playPlan(both, {}, noModel, activities, async (scene) => {
        const waits = async () => {
          const { b1 } = await scene.handle.query<Record<string, BranchProgress>>('progress');
          return [did.includes(`wait until ${resetsAt}`), b1?.waitsFor];
        };
        await expect.poll(waits, { timeout: 30_000 }).toEqual([true, 'start']);
        expect(turns).toEqual(['b1', 'b2']);
        release();
        expect(await scene.handle.result()).toBe('completed');
        expect(turns).toEqual(['b1', 'b2', 'b1']);
      });
    });

    it('looks once at a branch that ended otherwise than by its last prompt', async () => {
      const { did, activities } = agentOf([async () => ({ ...ended, kind: 'max_turns' })]);
      await playPlan(await plan(), {}, noModel, activities, async (scene) => {
        expect(await scene.handle.result()).toBe('completed');
        expect(did).toEqual(['prepare', 'turn 0', 'finish with checks']);
      });
    });

    it('refuses an answer that nothing asked for, before it enters the history', async () => {
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
      const { promise: released, resolve: release } = Promise.withResolvers<void>();
      const { activities } = agentOf([
        async () => {
          begin();
          await hang(Context.current(), released);
          return { ...ended, kind: 'completed' };
        },
      ]);
      const given: string[] = [];
      const giveAnswer: Activities['giveAnswer'] = async ({ callId }) => void given.push(callId);
      await playPlan(await plan(), {}, noModel, { ...activities, giveAnswer }, async ({ handle }) => {
        const branchId = branchIdSchema.parse('b1');
        const answer = (callId: string) =>
          handle.executeUpdate<void, [AnswerOrder]>('answer', {
            args: [{ branchId, callId, answer: blobRefSchema.parse(sha256('an answer')) }],
          });
        // Until the run is loaded nobody can tell, so that one would be taken and refused later.
        await begun;
        await expect(answer('c1')).rejects.toThrow(WorkflowUpdateFailedError);
        await handle.signal('question', branchId, 'c1', 'open');
        await answer('c1');
        await expect(answer('c1')).rejects.toThrow(WorkflowUpdateFailedError);
        release();
        expect(await handle.result()).toBe('completed');
        expect(given).toEqual(['c1']);
        const { events } = await handle.fetchHistory();
        const accepted = events?.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes);
        expect(accepted).toHaveLength(1);
      });
    });

    it('takes no answer to a question of a turn that is over, though nobody said that it is closed', async () => {
      const resetsAt = new Date(Date.now() + 3_600_000).toISOString();
      const { activities, did } = agentOf([
        async () => {
          const { client, info } = Context.current();
          const { workflowId } = info.workflowExecution!;
          await client.workflow.getHandle(workflowId).signal('question', 'b1', 'c1', 'open');
          return { ...ended, kind: 'limit', resetsAt };
        },
      ]);
      await playPlan(await plan(), {}, noModel, activities, async ({ handle }) => {
        await expect.poll(() => did, { timeout: 30_000 }).toContain(`wait until ${resetsAt}`);
        const args: [AnswerOrder] = [
          { branchId: branchIdSchema.parse('b1'), callId: 'c1', answer: blobRefSchema.parse(sha256('an answer')) },
        ];
        await expect(handle.executeUpdate('answer', { args })).rejects.toThrow(WorkflowUpdateFailedError);
        await handle.signal('cancel', null);
        expect(await handle.result()).toBe('cancelled');
      });
    });
  });

  it('lets the others leave at the first token of the one that goes ahead', async () => {
    const release = Promise.withResolvers<void>();
    const model: Model = async (order) => {
      if (order.call.branchId === 'b1') await release.promise;
      return done(order);
    };
    const branches = ['ahead', 'second', 'third'].map((name) => ({ name, cacheGroup: 'g' }));
    await play({ branches }, model, async (scene) => {
      await scene.calls.first(({ branchId }) => branchId === 'b1');
      expect(await scene.progress()).toEqual({ b1: 'running' });
      // Nobody waits for this one.
      await scene.handle.signal('firstToken', 'b2');
      expect(await scene.progress()).toEqual({ b1: 'running' });
      await scene.handle.signal('firstToken', 'b1');
      await Promise.all([scene.ended('b2'), scene.ended('b3')]);
      expect(await scene.progress()).toEqual({ b1: 'running', b2: 'completed', b3: 'completed' });
      release.resolve();
      expect(await scene.handle.result()).toBe('completed');
      const asked = scene.calls.all.map(({ branchId, announceFirstToken }) => ({ branchId, announceFirstToken }));
      expect(asked).toContainEqual({ branchId: 'b1', announceFirstToken: true });
      expect(asked).toContainEqual({ branchId: 'b3', announceFirstToken: false });
      expect(scene.calls.all).toHaveLength(3);
    });
  });

  it('cancels the one branch that it is told to, under way or still waiting', async () => {
    const release = Promise.withResolvers<void>();
    const model: Model = async (order, context) => {
      // The other one would heed a cancellation too.
      await hang(context, order.call.branchId === 'b1' ? undefined : release.promise);
      return done(order);
    };
    const branches = [{ name: 'stopped' }, { name: 'ahead', cacheGroup: 'g' }, { name: 'waiting', cacheGroup: 'g' }];
    await play({ branches }, model, async (scene) => {
      await Promise.all(['b1', 'b2'].map((id) => scene.calls.first(({ branchId }) => branchId === id)));
      await scene.handle.signal('cancel', 'b1');
      await scene.handle.signal('cancel', 'b3');
      const [stopped, waiting] = await Promise.all([scene.ended('b1'), scene.ended('b3')]);
      expect(stopped).toMatchObject({ outcome: { state: 'cancelled', error: null, billing: 'unknown' } });
      // It was never sent, so nothing can have been billed.
      expect(waiting).toMatchObject({ outcome: { state: 'cancelled', error: null, billing: 'known' } });
      expect(await scene.progress()).toEqual({ b1: 'cancelled', b2: 'running', b3: 'cancelled' });
      release.resolve();
      expect(await scene.handle.result()).toBe('cancelled');
      expect(await scene.progress()).toEqual({ b1: 'cancelled', b2: 'completed', b3: 'cancelled' });
      expect(scene.calls.all.map(({ branchId }) => branchId).sort()).toEqual(['b1', 'b2']);
      expect(await timersOf(scene)).not.toContainEqual(expect.stringMatching(/fired$/));
    });
  });

  it.each([
    ['no sooner than the policy would', 1, 800],
    ['later than the policy would', 900, 10],
  ])('has a call tried again when the API says, %s', async (_what, retryAfterMs, initialMs) => {
    const stream = vi.fn<Stream>().mockResolvedValue(saidYes);
    stream.mockRejectedValueOnce(modelError('overloaded', { status: 529, retryAfterMs }));
    const { activities, order: stored } = await activitiesOn(stream, systemClock);
    // The product's own activity, on its own stores.
    const model: Model = (order) => activities.callModel({ ...order, call: stored.call });
    const policy = { ...retry, initialMs, maxMs: 60_000 };
    await play({ retry: policy, branches: [{ name: 'one' }] }, model, async (scene) => {
      expect(await scene.handle.result()).toBe('completed');
      const [first, second, ...more] = scene.calls.all;
      expect([first?.attempt, second?.attempt, more]).toEqual([1, 2, []]);
      const waited = second!.scheduledMs - first!.scheduledMs;
      const least = Math.max(retryAfterMs, initialMs / 2);
      expect(waited).toBeGreaterThanOrEqual(least);
      expect(waited).toBeLessThan(least + 10_000);
    });
  });

  it('takes a worker that sends no heartbeat for lost, asks again, and gives up after the last try', async () => {
    const silent: Model = (_order, context) => context.cancelled;
    const limits = { heartbeatMs: 500, retry: { ...retry, initialMs: 10, attempts: 2 } };
    await play({ ...limits, branches: [{ name: 'one' }] }, silent, async (scene) => {
      expect(await scene.ended('b1')).toMatchObject({
        outcome: { state: 'failed', error: { code: 'engine_unavailable' }, billing: 'unknown' },
      });
      expect(await scene.handle.result()).toBe('failed');
      expect(scene.calls.all.map(({ attempt }) => attempt)).toEqual([1, 2]);
    });
  });
});
