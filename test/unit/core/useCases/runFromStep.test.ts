import { describe, expect, it } from 'vitest';
import { noUsage } from '../../../../src/core/api/usage.ts';
import type { ForkPlan } from '../../../../src/core/fork/forkPlan.ts';
import { branchIdSchema, runIdSchema } from '../../../../src/core/ids.ts';
import type { StepResult } from '../../../../src/core/run/branchOutcome.ts';
import { completedSteps, foldRun } from '../../../../src/core/run/foldRun.ts';
import { keptSteps, runFromStep } from '../../../../src/core/useCases/runFromStep.ts';
import { MemoryBlobs } from '../../../support/memoryStores.ts';
import { buildPlan } from '../../../support/storedPlan.ts';

const branchId = branchIdSchema.parse('b2');
const as = { runId: runIdSchema.parse('r-new'), createdAt: '2026-11-30T10:00:00.000Z' };
const usage = { ...noUsage, inputTokens: 10, outputTokens: 20 };

/** A run whose second branch has three replies. */
async function threeSteps() {
  const blobs = new MemoryBlobs();
  const plan: ForkPlan = {
    ...(await buildPlan(blobs, { branches: [{ name: 'one' }, { name: 'two', cacheGroup: 'g' }], cache: 'read' })),
    schedule: { name: 'nightly', previous: null },
  };
  const results: StepResult[] = [];
  for (const step of [1, 2, 3]) {
    const content = [{ type: 'text', text: `Reply ${step}.` }];
    const reply = await blobs.put({
      id: `m${step}`,
      requestId: null,
      model: 'm',
      content,
      stopReason: 'end_turn',
      usage,
    });
    results.push({ step, turn: 1, reply, model: 'm', stopReason: 'end_turn', usage, toolCalls: 0, costUsd: 0.5 });
  }
  const at = '2026-11-29T10:00:00.000Z';
  const events = results.map((result) => ({
    type: 'step-completed' as const,
    runId: plan.runId,
    branchId,
    at,
    result,
  }));
  return { blobs, plan, results, view: foldRun(plan, events) };
}

describe('a branch that is run again from a step', () => {
  it('is a run of its own that begins with the steps before, for nothing', async () => {
    const { blobs, plan, results, view } = await threeSteps();
    const again = await runFromStep({ plan, view }, { branchId, step: 3 }, as, blobs);
    const [source] = plan.branches.slice(1);
    const b1 = branchIdSchema.parse('b1');
    expect(again.plan).toMatchObject({ ...as, baseline: plan.baseline, point: plan.point });
    expect(again.plan.schedule).toBeUndefined();
    expect(again.plan.branches).toEqual([
      expect.objectContaining({ branchId: b1, request: source?.request, cacheGroup: null, leads: false }),
    ]);
    // Its next answer is to be another one.
    expect(again.plan.branches[0]?.usesCache).toBe(false);
    expect(again.plan.branches[0]?.notes.at(-1)).toBe(
      `Runs branch two of run ${plan.runId} again from step 3. Its first 2 replies came from there.`,
    );
    const begun = foldRun(again.plan, again.events);
    expect(begun).toMatchObject({ state: 'pending', costUsd: 0 });
    expect(begun.branches[0]).toMatchObject({
      text: 'Reply 1.\n\nReply 2.',
      steps: 2,
      attempts: 0,
      usage: noUsage,
      saved: { replies: 2, costUsd: 1 },
    });
    expect(completedSteps(begun)[b1]?.map(({ reply }) => reply)).toEqual(results.slice(0, 2).map(({ reply }) => reply));
  });

  it('keeps nothing from its first step on', async () => {
    const { blobs, plan, view } = await threeSteps();
    expect((await runFromStep({ plan, view }, { branchId, step: 1 }, as, blobs)).events).toEqual([]);
  });

  it('says in the second generation, too, what was paid once', async () => {
    const { blobs, plan, view } = await threeSteps();
    const child = await runFromStep({ plan, view }, { branchId, step: 3 }, as, blobs);
    const begun = { plan: child.plan, view: foldRun(child.plan, child.events) };
    const from = { branchId: branchIdSchema.parse('b1'), step: 2 };
    const grandchild = await runFromStep(begun, from, { ...as, runId: runIdSchema.parse('r-newer') }, blobs);
    expect(foldRun(grandchild.plan, grandchild.events).branches[0]?.saved).toMatchObject({ replies: 1, costUsd: 0.5 });
  });

  it('has to be there, and answered by the Messages API', async () => {
    const { view } = await threeSteps();
    for (const step of [0, 4, 1.5]) {
      expect(() => keptSteps(view, { branchId, step })).toThrow(`Branch two has no step ${step}.`);
    }
    expect(() => keptSteps(view, { branchId: branchIdSchema.parse('b9'), step: 1 })).toThrow(
      'The run has no branch b9.',
    );
    const agents = { ...view, executor: 'claude-code' as const };
    expect(() => keptSteps(agents, { branchId, step: 2 })).toThrow(/Only a branch that the Messages API answered/);
  });
});
