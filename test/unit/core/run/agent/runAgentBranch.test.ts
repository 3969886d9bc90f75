import { describe, expect, it } from 'vitest';
import type { AgentTurnOutcome } from '../../../../../src/core/run/agent/agentWork.ts';
import { type AgentBranchPorts, runAgentBranch } from '../../../../../src/core/run/agent/runAgentBranch.ts';
import { BranchStopped } from '../../../../../src/core/run/runPlan.ts';
import { agentPlan } from '../../../../support/agentBench.ts';
import { MemoryBlobs } from '../../../../support/memoryStores.ts';

const outcome = { stopReason: 'end_turn', error: null, costUsd: 0.1 };
const done: AgentTurnOutcome = { ...outcome, kind: 'completed' };

async function world(turns: (AgentTurnOutcome | Error)[], over: Partial<AgentBranchPorts> = {}) {
  const plan = await agentPlan(new MemoryBlobs(), { branches: [{ name: 'one' }], prompts: ['one', 'two'] });
  const happened: string[] = [];
  const spent: (number | null)[] = [];
  const ports: AgentBranchPorts = {
    prepare: async () => void happened.push('prepare'),
    turn: async ({ turn }) => {
      happened.push(`turn ${turn}`);
      const next = turns.shift();
      if (next === undefined) throw new Error('The script has run out.');
      if (next instanceof Error) throw next;
      return next;
    },
    waitUntil: async (_ref, until) => void happened.push(`wait until ${until}`),
    finish: async ({ checks }) => void happened.push(checks ? 'finish with checks' : 'finish'),
    discard: async () => void happened.push('discard'),
    ...over,
  };
  const budget = { check: () => {}, add: ({ costUsd }: { costUsd: number | null }) => void spent.push(costUsd) };
  const run = (turnsDone = 0) => runAgentBranch(plan, plan.branches[0]!, turnsDone, budget, ports);
  return { run, happened, spent, plan, budget, ports };
}

describe('runAgentBranch', () => {
  it('sends the prompts one after another and looks at what came of it', async () => {
    const { run, happened, spent } = await world([done, done]);
    await expect(run()).resolves.toMatchObject({ state: 'completed', stopReason: 'end_turn' });
    expect(happened).toEqual(['prepare', 'turn 0', 'turn 1', 'finish with checks']);
    expect(spent).toEqual([0.1, 0.1]);
  });

  it('goes on behind the prompts that an earlier attempt was through with', async () => {
    const { run, happened } = await world([done]);
    await run(1);
    expect(happened).toEqual(['prepare', 'turn 1', 'finish with checks']);
  });

  it('waits for the account’s limit and goes on with the same prompt', async () => {
    const limit: AgentTurnOutcome = { ...outcome, kind: 'limit', resetsAt: '2026-11-20T15:00:00.000Z' };
    const { run, happened } = await world([limit, limit, done, done]);
    await expect(run()).resolves.toMatchObject({ state: 'completed' });
    const wait = 'wait until 2026-11-20T15:00:00.000Z';
    expect(happened).toEqual(['prepare', 'turn 0', wait, 'turn 0', wait, 'turn 0', 'turn 1', 'finish with checks']);
  });

  it('goes on where an earlier execution left it, first waiting for the limit where that kept it', async () => {
    const until = '2026-11-20T15:00:00.000Z';
    const at: unknown[] = [];
    const { happened, ports, plan, budget } = await world([done], {
      at: async (_ref, position) => void at.push(position),
    });
    await runAgentBranch(plan, plan.branches[0]!, 0, budget, ports, { prompt: 1, until });
    expect(happened).toEqual([`wait until ${until}`, 'turn 1', 'finish with checks']);
    expect(at).toEqual([{ prompt: 1, until }]);
  });

  it('removes what was prepared for a branch that never starts', async () => {
    const { run, happened } = await world([], { prepare: () => Promise.reject(new Error('No place.')) });
    await expect(run()).rejects.toThrow('No place.');
    expect(happened).toEqual(['discard']);
  });

  it.each([
    ['max_turns', { state: 'completed', stopReason: 'max_turns' }],
    ['budget', { state: 'cancelled', stopReason: 'budget' }],
    ['timeout', { state: 'failed', stopReason: 'timeout' }],
    ['failed', { state: 'failed' }],
  ] as const)('ends at %s, without the prompts that would follow', async (kind, expected) => {
    const { run, happened } = await world([{ ...outcome, kind }]);
    await expect(run()).resolves.toMatchObject(expected);
    expect(happened.slice(0, 2)).toEqual(['prepare', 'turn 0']);
    expect(happened).not.toContain('turn 1');
  });

  it('looks at what a cancelled branch changed, and checks nothing', async () => {
    const { run, happened } = await world([new BranchStopped('cancelled')]);
    await expect(run()).rejects.toThrow(BranchStopped);
    expect(happened).toEqual(['prepare', 'turn 0', 'finish']);
  });
});
