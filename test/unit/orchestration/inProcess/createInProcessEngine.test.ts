import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createBlobStore } from '../../../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../../../src/adapters/runs/createRunStore.ts';
import { systemClock } from '../../../../src/adapters/systemClock.ts';
import type { StoredReply } from '../../../../src/core/api/storedReply.ts';
import type { BlobStore } from '../../../../src/core/blobStore.ts';
import type { Clock } from '../../../../src/core/clock.ts';
import { ModelCallError, RunOwnedError } from '../../../../src/core/errors.ts';
import type { ForkPlan } from '../../../../src/core/fork/forkPlan.ts';
import { branchIdSchema } from '../../../../src/core/ids.ts';
import type { BranchEvent } from '../../../../src/core/run/branchEvent.ts';
import type { CallGate } from '../../../../src/core/run/callGate.ts';
import { branchesToRun, foldRun } from '../../../../src/core/run/foldRun.ts';
import type { ForkEngine, ModelClient, RunStore } from '../../../../src/core/run/ports.ts';
import type { RunView } from '../../../../src/core/run/runView.ts';
import { createInProcessEngine } from '../../../../src/orchestration/inProcess/createInProcessEngine.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { noAgents } from '../../../support/noAgents.ts';
import { buildPlan, storePlan } from '../../../support/storedPlan.ts';
import { windowGate } from '../../../support/windowGate.ts';

let home: string;
let runs: RunStore;
let blobs: BlobStore;
const engines: ForkEngine[] = [];

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'forkpoint-engine-'));
  runs = createRunStore(path.join(home, 'runs'));
  blobs = createBlobStore(path.join(home, 'blobs'));
  return async () => {
    for (const engine of engines.splice(0)) await engine.dispose();
    await rm(home, { recursive: true, force: true, maxRetries: 3 });
  };
});

const reply = (text: string): StoredReply => ({
  content: [{ type: 'text', text }],
  model: 'claude-haiku-4-5',
  stopReason: 'end_turn',
  usage: { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 },
  requestId: null,
});

const rateLimited = (retryAfterMs: number) =>
  new ModelCallError('rate_limited', 'Slow down.', 'Wait.', {
    status: 429,
    retryAfterMs,
    mayBeBilled: false,
    partialText: '',
    requestId: null,
  });

type Answer = (prompt: string, signal: AbortSignal) => Promise<StoredReply>;

/** A model in this process; each call is answered by the test. */
function modelOf(answer: Answer): { client: ModelClient; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    client: {
      stream(request, _betas, { signal, onEvent }) {
        const prompt = JSON.stringify(request.messages[0]?.content).replace(/.*"text":"([^"]*)".*/, '$1');
        asked.push(prompt);
        onEvent({ type: 'first-token' });
        return answer(prompt, signal);
      },
      listModels: async () => [],
    },
  };
}

const untilAborted: Answer = (_prompt, signal) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

function engineOver(
  client: ModelClient,
  clock: Clock = systemClock,
  concurrency?: number,
  gate?: CallGate,
): ForkEngine {
  const engine = createInProcessEngine({
    runs,
    blobs,
    clock,
    agents: noAgents,
    concurrency,
    ...(gate !== undefined && { gate }),
    models: async () => client,
    prices: { cost: () => null },
    random: () => 0.5,
  });
  engines.push(engine);
  return engine;
}

async function until(plan: ForkPlan, fits: (event: BranchEvent) => boolean): Promise<void> {
  const stop = new AbortController();
  for await (const event of runs.follow(plan.runId, stop.signal)) if (fits(event)) stop.abort();
}
const ended = (plan: ForkPlan) => until(plan, (event) => event.type === 'run-ended');
const viewOf = async (plan: ForkPlan): Promise<RunView> => foldRun(plan, await runs.events(plan.runId));
const named = (...names: string[]) => names.map((name) => ({ name }));

describe('the in-process engine', () => {
  it('runs no more branches at once than it may, over all runs', async () => {
    let open = 0;
    let most = 0;
    const both = Promise.withResolvers<void>();
    const { client } = modelOf(async () => {
      most = Math.max(most, ++open);
      if (open === 2) both.resolve();
      await both.promise;
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
      return reply('Done.');
    });
    const engine = engineOver(client, systemClock, 2);
    const plans = [await storePlan({ runs, blobs }, { branches: named('a', 'b', 'c') })];
    plans.push(await storePlan({ runs, blobs }, { branches: named('d', 'e', 'f') }));
    for (const plan of plans) await engine.start(plan);
    for (const plan of plans) await ended(plan);
    expect(most).toBe(2);
  });

  it('carries out what is asked of it from another process', async () => {
    const { client, asked } = modelOf((prompt, signal) =>
      prompt === 'held' ? untilAborted(prompt, signal) : Promise.resolve(reply('Done.')),
    );
    const [driving, other] = [engineOver(client), engineOver(client)];
    const plan = await storePlan({ runs, blobs }, { branches: named('held') });
    await driving.start(plan);
    const [late] = (await buildPlan(blobs, { branches: named('late') })).branches;
    const branchId = branchIdSchema.parse('b2');
    await other.addBranch(plan.runId, { ...late!, branchId });
    await until(plan, (event) => event.type === 'branch-ended' && event.branchId === branchId);
    await expect(other.addBranch(plan.runId, { ...late!, branchId })).rejects.toMatchObject({ code: 'bad_input' });
    await other.changeLimits(plan.runId, { budgetUsd: 2 });
    expect(await other.cancel(plan.runId, branchId)).toBe(false);
    expect(await other.cancel(plan.runId)).toBe(true);
    await ended(plan);
    const stored = await runs.plan(plan.runId);
    expect(foldRun(stored, await runs.events(plan.runId)).branches.map(({ state }) => state)).toEqual([
      'cancelled',
      'completed',
    ]);
    expect(stored.budgetUsd).toBe(2);
    expect(asked.sort()).toEqual(['held', 'late']);
    expect(await other.cancel(plan.runId)).toBe(false);
  });

  it('lets a 429 hold back every run of every window with that key, for as long as the API says', async () => {
    const clock = new FakeClock();
    let limited = true;
    const { client, asked } = modelOf(async () => {
      if (!limited) return reply('Done.');
      limited = false;
      throw rateLimited(60_000);
    });
    const [engine, window] = [1, 2].map(() => engineOver(client, clock, 4, windowGate(home, 'a', undefined, clock)));
    const first = await storePlan({ runs, blobs }, { branches: named('first'), timeoutSeconds: 600 });
    await engine?.start(first);
    await until(first, (event) => event.type === 'retrying');
    const second = await storePlan({ runs, blobs }, { branches: named('second'), timeoutSeconds: 600 });
    await engine?.start(second);
    await until(second, (event) => event.type === 'branch-started');
    const third = await storePlan({ runs, blobs }, { branches: named('third'), timeoutSeconds: 600 });
    await window?.start(third);
    await until(third, (event) => event.type === 'branch-started');
    // What one with another key asks meanwhile shows that there was time enough to ask.
    await engineOver(client, clock, 4, windowGate(home, 'b', undefined, clock)).start(
      await storePlan({ runs, blobs }, { branches: named('elsewhere') }),
    );
    await expect.poll(() => asked).toEqual(['first', 'elsewhere']);
    const waiting = { state: 'waiting', waitingFor: 'limit', until: new Date(clock.now() + 60_000).toISOString() };
    for (const plan of [second, third]) expect((await viewOf(plan)).branches[0]).toMatchObject(waiting);
    clock.advance(59_999);
    await expect.poll(() => clock.waits[0]).toBe(1);
    expect(asked).toEqual(['first', 'elsewhere']);
    clock.advance(60_000);
    await ended(first);
    await ended(second);
    await ended(third);
    expect(asked.slice(2).sort()).toEqual(['first', 'second', 'third']);
    const none = { state: 'completed', waitingFor: null, until: null };
    for (const plan of [second, third]) expect((await viewOf(plan)).branches[0]).toMatchObject(none);
  });

  it.each([null, 0])(
    'waits longer after each failure, as its one table says, where the API asks for %j',
    async (retryAfterMs) => {
      const clock = new FakeClock();
      const { client, asked } = modelOf(async () => {
        throw new ModelCallError('overloaded', 'Busy.', 'Wait.', { ...rateLimited(0).facts, retryAfterMs });
      });
      const plan = await storePlan({ runs, blobs }, { branches: named('one'), timeoutSeconds: 600 });
      await engineOver(client, clock).start(plan);
      for (const [tries, wait] of [
        [1, 750],
        [2, 1_500],
        [3, 3_000],
        [4, 6_000],
      ] as const) {
        await expect.poll(() => [asked.length, clock.waits[0]]).toEqual([tries, wait]);
        clock.advance(wait);
      }
      await ended(plan);
      expect((await viewOf(plan)).branches[0]).toMatchObject({ state: 'failed', attempts: 5 });
    },
  );

  it('ends a branch by the time it runs, not by the time it waits for a place', async () => {
    const clock = new FakeClock();
    const { client } = modelOf(untilAborted);
    const plan = await storePlan({ runs, blobs }, { branches: named('first', 'second'), timeoutSeconds: 10 });
    await engineOver(client, clock, 1).start(plan);
    await until(plan, (event) => event.type === 'request-sent' && event.branchId === 'b1');
    clock.advance(10_000);
    // The place is free before the end of the one that had it is written down.
    await until(plan, (event) => event.type === 'branch-ended' && event.branchId === 'b1');
    await until(plan, (event) => event.type === 'request-sent' && event.branchId === 'b2');
    expect((await viewOf(plan)).branches.map(({ state }) => state)).toEqual(['failed', 'running']);
    clock.advance(10_000);
    await ended(plan);
    expect((await viewOf(plan)).branches.map(({ stopReason }) => stopReason)).toEqual(['timeout', 'timeout']);
  });

  it('is cancelled by another process', async () => {
    const { client } = modelOf(untilAborted);
    const plan = await storePlan({ runs, blobs }, { branches: named('one', 'two') });
    await engineOver(client).start(plan);
    await until(plan, (event) => event.type === 'request-sent' && event.branchId === 'b2');
    // Another engine over the same folder, as the command line has one.
    const other = engineOver(client);
    await other.cancel(plan.runId, branchIdSchema.parse('b1'));
    await until(plan, (event) => event.type === 'branch-ended');
    expect((await viewOf(plan)).branches.map(({ state }) => state)).toEqual(['cancelled', 'running']);
    await other.cancel(plan.runId);
    await ended(plan);
    expect((await viewOf(plan)).state).toBe('cancelled');
  });

  it('leaves a run alone that another process drives, and says so', async () => {
    const { client, asked } = modelOf(untilAborted);
    const plan = await storePlan({ runs, blobs }, { branches: named('one') });
    await engineOver(client).start(plan);
    await until(plan, (event) => event.type === 'request-sent');
    const other = engineOver(client);
    await expect(other.start(plan)).rejects.toBeInstanceOf(RunOwnedError);
    const again = { branches: [branchIdSchema.parse('b1')], reason: 'resume' as const };
    await expect(other.start(plan, { again })).rejects.toBeInstanceOf(RunOwnedError);
    await other.reconcile(plan);
    expect(asked).toEqual(['one']);
    expect((await viewOf(plan)).state).toBe('running');
  });

  it('leaves its runs interrupted when it is disposed, to be resumed without asking finished branches again', async () => {
    let stuck = true;
    const { client, asked } = modelOf((prompt, signal) =>
      prompt === 'fine' || !stuck ? Promise.resolve(reply('Done.')) : untilAborted(prompt, signal),
    );
    const plan = await storePlan({ runs, blobs }, { branches: named('fine', 'stuck', 'waiting') });
    const engine = engineOver(client, systemClock, 2);
    await engine.start(plan);
    await until(plan, (event) => event.type === 'request-sent' && event.branchId === 'b3');
    await engine.dispose();
    const left = await viewOf(plan);
    expect(left).toMatchObject({ state: 'failed', interrupted: true });
    expect(left.branches.map(({ state, error, billing }) => [state, error?.code, billing])).toEqual([
      ['completed', undefined, 'known'],
      ['failed', 'interrupted', 'unknown'],
      ['failed', 'interrupted', 'unknown'],
    ]);
    stuck = false;
    asked.length = 0;
    const again = { branches: branchesToRun(left, 'resume'), reason: 'resume' as const };
    await engineOver(client).start(plan, { again });
    await until(plan, (event) => event.type === 'run-ended' && event.state === 'completed');
    expect(asked.sort()).toEqual(['stuck', 'waiting']);
    // Who saw the same left and comes later finds it done.
    await expect(engineOver(client).start(plan, { again })).rejects.toThrow('left undone');
    expect((await runs.events(plan.runId)).filter(({ type }) => type === 'run-started')).toHaveLength(2);
    expect(await viewOf(plan)).toMatchObject({ state: 'completed', interrupted: false });
  });

  it('finds a run whose process crashed, and says what may have been billed', async () => {
    const { client } = modelOf(untilAborted);
    const plan = await storePlan({ runs, blobs }, { branches: named('asked', 'begun', 'not begun') });
    const of = { runId: plan.runId, at: new Date().toISOString() };
    const [b1, b2] = ['b1', 'b2'].map((id) => branchIdSchema.parse(id)) as [never, never];
    await runs.append({ type: 'run-started', ...of, attempt: 1 });
    await runs.append({ type: 'branch-started', ...of, branchId: b1 });
    await runs.append({ type: 'request-sent', ...of, branchId: b1, step: 1, attempt: 1 });
    await runs.append({ type: 'text-delta', ...of, branchId: b1, step: 1, text: 'So far', outputTokens: null });
    await runs.append({ type: 'branch-started', ...of, branchId: b2 });
    const engine = engineOver(client);
    await Promise.all([engine.reconcile(plan), engineOver(client).reconcile(plan)]);
    await engine.reconcile(plan);
    const view = await viewOf(plan);
    expect(view).toMatchObject({ state: 'failed', interrupted: true });
    expect(view.branches).toMatchObject([
      { state: 'failed', error: { code: 'interrupted' }, billing: 'unknown', text: 'So far' },
      { state: 'failed', error: { code: 'interrupted' }, billing: 'known' },
      { state: 'pending' },
    ]);
    expect(branchesToRun(view, 'resume')).toEqual(['b1', 'b2', 'b3']);
  });

  it('gives a run that is just being dispatched time to begin', async () => {
    const clock = new FakeClock();
    const { client } = modelOf(untilAborted);
    const engine = engineOver(client, clock);
    const createdAt = new Date(clock.now()).toISOString();
    const plan = await storePlan({ runs, blobs }, { branches: named('one'), createdAt });
    await engine.reconcile(plan);
    expect((await viewOf(plan)).state).toBe('pending');
    clock.advance(60_000);
    await engine.reconcile(plan);
    expect(await viewOf(plan)).toMatchObject({ state: 'failed', interrupted: true });
  });

  it('ends a run that was left behind as cancelled when that is asked for', async () => {
    const { client } = modelOf(untilAborted);
    const plan = await storePlan({ runs, blobs }, { branches: named('one', 'two') });
    await runs.append({ type: 'run-started', runId: plan.runId, at: new Date().toISOString(), attempt: 1 });
    await engineOver(client).cancel(plan.runId);
    const view = await viewOf(plan);
    expect(view.state).toBe('cancelled');
    expect(view.branches.map(({ state }) => state)).toEqual(['cancelled', 'cancelled']);
  });

  it('stops spending when its run is deleted in mid-run', async () => {
    const aborted = Promise.withResolvers<void>();
    const { client } = modelOf((prompt, signal) => {
      signal.addEventListener('abort', () => aborted.resolve());
      return prompt === 'quick' ? runs.delete(plan.runId).then(() => reply('Done.')) : untilAborted(prompt, signal);
    });
    const plan: ForkPlan = await storePlan({ runs, blobs }, { branches: named('slow', 'quick') });
    await engineOver(client).start(plan);
    await aborted.promise;
    expect(await runs.list()).toEqual([]);
  });
});
