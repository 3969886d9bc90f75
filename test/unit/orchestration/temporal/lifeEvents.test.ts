import { describe, expect, it } from 'vitest';
import { branchIdSchema, runIdSchema } from '../../../../src/core/ids.ts';
import type { BranchEvent } from '../../../../src/core/run/branchEvent.ts';
import { LifeEvents } from '../../../../src/orchestration/temporal/lifeEvents.ts';
import { MemoryLog } from '../../../support/memoryStores.ts';

const runId = runIdSchema.parse('r-1');
const [b1, b2] = ['b1', 'b2'].map((id) => branchIdSchema.parse(id)) as [BranchIdOf, BranchIdOf];
type BranchIdOf = ReturnType<typeof branchIdSchema.parse>;
const at = '2026-11-30T00:00:00.000Z';
const outcome = { state: 'completed', stopReason: null, error: null, billing: 'known', divergedAtTurn: null } as const;

const runStarted = (attempt: number): BranchEvent => ({ type: 'run-started', runId, at, attempt });
const started = (branchId = b1): BranchEvent => ({ type: 'branch-started', runId, branchId, at });
const ended = (branchId = b1): BranchEvent => ({ type: 'branch-ended', runId, branchId, at, outcome });
const runEnded: BranchEvent = { type: 'run-ended', runId, at, state: 'completed' };
const sent: BranchEvent = { type: 'request-sent', runId, branchId: b1, at, step: 1, attempt: 1 };

describe('beginnings and ends', () => {
  it('that a lost worker wrote are not written again by the one that follows', async () => {
    const log = new MemoryLog();
    await new LifeEvents(log).append(runId, [runStarted(1), started(b1), started(b2), ended(b2)]);
    const next = new LifeEvents(log);
    await next.append(runId, [runStarted(1), started(b1)]);
    await log.append(sent);
    await next.append(runId, [ended(b2)]);
    await next.append(runId, [ended(b1), runEnded]);
    await next.append(runId, [runEnded]);
    expect(log.logged).toEqual([runStarted(1), started(b1), started(b2), ended(b2), sent, ended(b1), runEnded]);
  });

  it('of another attempt are written, whoever wrote those of the one before', async () => {
    const log = new MemoryLog();
    const first = new LifeEvents(log);
    await first.append(runId, [runStarted(1), started()]);
    // Ended by a host, which took the run for lost.
    for (const event of [ended(), runEnded]) await log.append(event);
    await first.append(runId, [runStarted(2), started()]);
    expect(log.logged.slice(4)).toEqual([runStarted(2), started()]);
    // Ended and begun again by another worker: the first one's memory is old.
    await new LifeEvents(log).append(runId, [ended(), runEnded]);
    await new LifeEvents(log).append(runId, [runStarted(3)]);
    await first.append(runId, [started()]);
    expect(log.logged.slice(-2)).toEqual([runStarted(3), started()]);
  });

  it('are written again where only some of them could be written', async () => {
    const log = new MemoryLog();
    let isFull = true;
    const append = async (event: BranchEvent): Promise<void> => {
      if (isFull && event.type === 'branch-started') throw new Error('The disk is full.');
      await log.append(event);
    };
    const life = new LifeEvents({ append, events: log.events });
    await expect(life.append(runId, [runStarted(1), started()])).rejects.toThrow('full');
    isFull = false;
    await life.append(runId, [runStarted(1), started()]);
    expect(log.logged).toEqual([runStarted(1), started()]);
  });
});
