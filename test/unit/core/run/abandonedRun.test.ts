import { expect, it } from 'vitest';
import { branchIdSchema } from '../../../../src/core/ids.ts';
import { endAbandoned, interruption } from '../../../../src/core/run/abandonedRun.ts';
import type { RunStore } from '../../../../src/core/run/ports.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { MemoryBlobs, MemoryLog } from '../../../support/memoryStores.ts';
import { buildPlan } from '../../../support/storedPlan.ts';

const at = '2026-11-30T00:00:00.000Z';

it('completes a run of which nothing but its end was lost, and leaves another to be resumed', async () => {
  const plan = await buildPlan(new MemoryBlobs(), { branches: [{ name: 'ada' }, { name: 'bob' }] });
  const { runId } = plan;
  const outcome = { state: 'completed', stopReason: 'end_turn', error: null, billing: 'known', divergedAtTurn: null };
  for (const [ended, state] of [
    [['b1', 'b2'], 'completed'],
    [['b1'], 'failed'],
  ] as const) {
    const log = new MemoryLog();
    await log.append({ type: 'run-started', runId, at, attempt: 1 });
    for (const id of ['b1', 'b2'])
      await log.append({ type: 'branch-started', runId, branchId: branchIdSchema.parse(id), at });
    for (const id of ended)
      await log.append({
        type: 'branch-ended',
        runId,
        branchId: branchIdSchema.parse(id),
        at,
        outcome: outcome as never,
      });
    const runs = { append: log.append, events: log.events, own: async () => ({ dispose() {} }) } as unknown as RunStore;
    expect(await endAbandoned(plan, { runs, clock: new FakeClock() }, interruption())).toBe(true);
    expect(log.logged.at(-1)).toMatchObject({ type: 'run-ended', state });
  }
});
