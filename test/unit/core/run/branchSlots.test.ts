import { setImmediate as turnOfEvents } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { BranchId } from '../../../../src/core/ids.ts';
import type { AgentTurnOutcome } from '../../../../src/core/run/agent/agentWork.ts';
import { type PlanPorts, type RunInput, runPlan } from '../../../../src/core/run/runPlan.ts';
import { agentPlan } from '../../../support/agentBench.ts';
import { ManualClock, MemoryBlobs, MemoryLog } from '../../../support/memoryStores.ts';
import { noAgentPorts } from '../../../support/noAgents.ts';

const outcome = { stopReason: 'end_turn', error: null, costUsd: 0 };
const done: AgentTurnOutcome = { ...outcome, kind: 'completed' };
const limit: AgentTurnOutcome = { ...outcome, kind: 'limit', resetsAt: '2026-11-20T15:00:00.000Z' };

/** What a test settles by hand. */
class Pending<T> {
  resolve: (value: T) => void = () => {};
  reject: (reason: Error) => void = () => {};
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

/** Agents a, b, … of one run of which so many work at once. Their turns and waits end when the test says so. */
async function world(names: string, concurrency: number, over: Partial<PlanPorts> = {}, from?: RunInput['from']) {
  const plan = await agentPlan(new MemoryBlobs(), {
    branches: names.split('').map((name) => ({ name })),
    agent: { concurrency },
  });
  const ids = Object.fromEntries(plan.branches.map(({ name, branchId }) => [name, branchId]));
  const nameOf = (branchId: BranchId) => names.split('').find((name) => ids[name] === branchId) ?? '?';
  const turns = new Map<string, Pending<AgentTurnOutcome>>();
  const waits = new Map<string, Pending<void>>();
  const clock = new ManualClock();
  const ports: PlanPorts = {
    branch: async (_branch, { gate }, work) => {
      if (gate !== null) await gate;
      const agent: typeof noAgentPorts = {
        prepare: async () => {},
        turn: async ({ branchId }) => {
          const turn = new Pending<AgentTurnOutcome>();
          turns.set(nameOf(branchId), turn);
          const end = await turn.promise;
          turns.delete(nameOf(branchId));
          return end;
        },
        waitUntil: async ({ branchId }, _until, slot) => {
          const wait = new Pending<void>();
          waits.set(nameOf(branchId), wait);
          await wait.promise;
          await slot?.();
          waits.delete(nameOf(branchId));
        },
        finish: async () => {},
        discard: async () => {},
      };
      return work({ ...noAgentPorts, call: agent.prepare, advance: agent.prepare, agent } as never);
    },
    firstToken: () => new Promise(() => {}),
    record: new MemoryLog().append,
    now: () => new Date(clock.now()).toISOString(),
    checkBaselines: async () => {},
    ...over,
  };
  const branches = plan.branches.map(({ branchId }) => branchId);
  const run = runPlan(plan, { branches, prior: {}, attempt: 1, from }, ports);
  await turnOfEvents();
  return {
    ended: run.ended,
    /** Agents at work, their questions or none open. */
    working: () => [...turns.keys()].join(''),
    waiting: () => [...waits.keys()].join(''),
    asks: (asking: string, isAsking: boolean) => {
      for (const name of asking) run.asks(ids[name]!, isAsking);
      return turnOfEvents();
    },
    ends: (name: string, end = done) => {
      turns.get(name)?.resolve(end);
      return turnOfEvents();
    },
    waited: (name: string, error?: Error) => {
      if (error === undefined) waits.get(name)?.resolve();
      else waits.get(name)?.reject(error);
      return turnOfEvents();
    },
  };
}

describe('a slot of a run of agents', () => {
  it('goes to another branch while its own waits for an answer, and is there again when that has come', async () => {
    const { asks, ends, working, ended } = await world('abcd', 2);
    expect(working()).toBe('ab');
    await asks('ab', true);
    expect(working()).toBe('abcd');
    await asks('ab', false);
    await ends('a');
    await ends('c');
    await ends('b');
    await ends('d');
    await expect(ended).resolves.toBe('completed');
  });

  it('is taken by an answered branch before any that has not begun', async () => {
    const { asks, ends, working } = await world('abcd', 1);
    await asks('a', true);
    expect(working()).toBe('ab');
    await asks('a', false);
    await ends('b');
    expect(working()).toBe('a');
    await ends('a');
    expect(working()).toBe('c');
  });

  it('is given up by so many that ask at once, for each keeps a process', async () => {
    const { asks, ends, working } = await world('abcdefghijkl', 1);
    for (const name of 'abcdefgh') await asks(name, true);
    expect(working()).toBe('abcdefghi');
    await asks('i', true);
    expect(working()).toBe('abcdefghi');
    await asks('a', false);
    expect(working()).toBe('abcdefghi');
    await ends('a');
    expect(working()).toBe('bcdefghij');
  });

  it('goes to another branch while its own waits for the account’s limit, which then waits for its turn', async () => {
    const { ends, waited, working, waiting, ended } = await world('abc', 1);
    await ends('a', limit);
    expect([working(), waiting()]).toEqual(['b', 'a']);
    await waited('a');
    expect(working()).toBe('b');
    await ends('b');
    expect([working(), waiting()]).toEqual(['a', '']);
    await ends('a');
    await ends('c');
    await expect(ended).resolves.toBe('completed');
  });

  it('is passed on where the branch that waits for it is cancelled', async () => {
    const { ends, waited, working, ended } = await world('abc', 1);
    await ends('a', limit);
    await waited('a', new Error('Cancelled.'));
    await ends('b');
    expect(working()).toBe('c');
    await ends('c');
    await expect(ended).resolves.toBe('failed');
  });

  it('is not needed by one that an earlier execution left waiting for the limit', async () => {
    const begun = { a: { prompt: 0, until: '2026-11-20T15:00:00.000Z' } };
    const plan = await agentPlan(new MemoryBlobs(), { branches: [{ name: 'a' }, { name: 'b' }] });
    const position = { ended: [], openGroups: [], baselinesChecked: true };
    const from = { ...position, begun: { [plan.branches[0]!.branchId]: begun.a } };
    const { working, waiting } = await world('ab', 1, {}, from);
    expect([working(), waiting()]).toEqual(['b', 'a']);
  });

  it('is kept to the end of the branch where the run began so', async () => {
    const { asks, ends, working } = await world('abc', 1, { keepsSlots: true });
    await asks('a', true);
    expect(working()).toBe('a');
    await asks('a', false);
    await ends('a', limit);
    expect(working()).toBe('');
  });
});
