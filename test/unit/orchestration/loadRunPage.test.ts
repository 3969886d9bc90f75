import { describe, expect, it } from 'vitest';
import type { ForkPlan } from '../../../src/core/fork/forkPlan.ts';
import { branchIdSchema, runIdSchema } from '../../../src/core/ids.ts';
import type { BranchEvent } from '../../../src/core/run/branchEvent.ts';
import type { LoadOrder, RunPage } from '../../../src/orchestration/temporal/durableRun/runPage.ts';
import { loadRunPage } from '../../../src/orchestration/temporal/loadRunPage.ts';
import { MemoryBlobs, sha256 } from '../../support/memoryStores.ts';
import { buildPlan } from '../../support/storedPlan.ts';

const usage = { inputTokens: 3, outputTokens: 5, cacheReadTokens: 4, cacheWriteTokens: 0 };

/** A stored plan of so many branches, and the order to load it. */
async function stored(count: number, over: (plan: ForkPlan) => ForkPlan = (plan) => plan) {
  const blobs = new MemoryBlobs();
  const names = Array.from({ length: count }, (_, index) => ({ name: `branch ${index}`, prompt: 'the same' }));
  const plan = over(await buildPlan(blobs, { engine: 'temporal', branches: names }));
  const order: LoadOrder = {
    runId: plan.runId,
    plan: await blobs.put(plan),
    added: [],
    branches: null,
    ended: [],
    hasLog: false,
    from: 0,
  };
  const load = (asked: Partial<LoadOrder>, events: BranchEvent[] = []): Promise<RunPage> =>
    loadRunPage({ ...order, ...asked }, { blobs, runs: { events: async () => events } });
  return { blobs, plan, load };
}

describe('what a workflow loads of a run', () => {
  it('comes in pages that Temporal takes, whatever the plan holds, without its words', async () => {
    const { plan, load } = await stored(2_000, (made) => ({
      ...made,
      branches: made.branches.map((branch) => ({ ...branch, notes: ['marked-word '.repeat(200)] })),
    }));
    expect(JSON.stringify(plan).length).toBeGreaterThan(4_000_000);
    const pages = [await load({})];
    for (let next = pages[0]?.next ?? null; next !== null; next = pages.at(-1)?.next ?? null) {
      pages.push(await load({ from: next }));
    }
    expect(pages.length).toBeGreaterThan(1);
    for (const page of pages) {
      const text = JSON.stringify(page);
      expect(text.length).toBeLessThan(800_000);
      expect(text).not.toMatch(/marked-word|A made-up run|\/nowhere/);
    }
    expect(pages.map(({ head }) => head !== null)).toEqual(pages.map((_, index) => index === 0));
    const ids = pages.flatMap(({ branches }) => branches.map(({ branchId }) => branchId));
    expect(ids).toEqual(plan.branches.map(({ branchId }) => branchId));
  });

  it('leaves of ended branches their figures, and of others what they cost', async () => {
    const { plan, load } = await stored(3);
    const { runId } = plan;
    const at = '2026-01-01T00:00:00.000Z';
    const [b1, b2, b3] = ['b1', 'b2', 'b3'].map((id) => branchIdSchema.parse(id));
    if (b1 === undefined || b2 === undefined || b3 === undefined) return expect.unreachable();
    const result = {
      step: 1,
      turn: 1,
      reply: sha256('x') as never,
      model: 'm',
      stopReason: 'end_turn',
      usage,
      toolCalls: 0,
    };
    const outcome = {
      state: 'completed',
      stopReason: 'end_turn',
      error: null,
      billing: 'known',
      divergedAtTurn: null,
    } as const;
    const events: BranchEvent[] = [
      { type: 'run-started', runId, at, attempt: 1 },
      { type: 'branch-started', runId, branchId: b1, at },
      { type: 'step-completed', runId, branchId: b1, at, result: { ...result, costUsd: 0.25 } },
      { type: 'branch-ended', runId, branchId: b1, at, outcome },
      { type: 'branch-started', runId, branchId: b2, at },
      { type: 'step-completed', runId, branchId: b2, at, result: { ...result, costUsd: 0.5 } },
    ];
    const page = await load({ branches: [b1, b2], ended: [b1], hasLog: true }, events);
    expect(page.branches).toMatchObject([
      { branchId: b1, plan: null, figures: { state: 'completed', steps: 1, inputTokens: 7, costUsd: 0.25 } },
      { branchId: b2, plan: { branchId: b2 }, figures: { state: 'pending', steps: 1, waitsFor: 'start' } },
    ]);
    expect(page.head?.others).toEqual({ ids: [b3], costUsd: 0, spentUsd: 0 });
    const other = await load({ branches: [b2], hasLog: true }, events);
    expect(other.head?.others).toEqual({ ids: [b1, b3], costUsd: 0.25, spentUsd: 0.25 });
  });

  it('has the branches that came since, and is no other run’s', async () => {
    const { blobs, plan, load } = await stored(1);
    const added = { ...plan.branches[0]!, branchId: branchIdSchema.parse('b2'), notes: ['marked-word'] };
    const page = await load({ added: [{ branchId: added.branchId, branch: await blobs.put(added) }] });
    expect(page.branches.map(({ branchId }) => branchId)).toEqual(['b1', 'b2']);
    expect(JSON.stringify(page)).not.toContain('marked-word');
    await expect(load({ runId: runIdSchema.parse('r-other') })).rejects.toMatchObject({ code: 'bad_input' });
  });
});
