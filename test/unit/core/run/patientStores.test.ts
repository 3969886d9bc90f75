import { expect, it } from 'vitest';
import { StorageError } from '../../../../src/core/errors.ts';
import { branchIdSchema, runIdSchema } from '../../../../src/core/ids.ts';
import type { BranchEvent } from '../../../../src/core/run/branchEvent.ts';
import { patientStores } from '../../../../src/core/run/patientStores.ts';
import type { RunStore } from '../../../../src/core/run/ports.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { MemoryBlobs, MemoryLog } from '../../../support/memoryStores.ts';

const runId = runIdSchema.parse('r-1');
const event = (step: number): BranchEvent => ({
  type: 'request-sent',
  runId,
  branchId: branchIdSchema.parse('b1'),
  at: '2026-11-30T00:00:00.000Z',
  step,
  attempt: 1,
});

/** Stores on a disk that is full, or can't be written to for another reason. */
class Disk {
  problem: string | null = null;
  readonly log = new MemoryLog();
  readonly clock = new FakeClock();
  readonly stores = patientStores(
    {
      blobs: Object.assign(new MemoryBlobs(), { put: (value: unknown) => this.#write(() => this.#blobs.put(value)) }),
      runs: {
        append: (of: BranchEvent) => this.#write(() => this.log.append(of)),
        events: this.log.events,
      } as unknown as RunStore,
    },
    this.clock,
  );
  readonly #blobs = new MemoryBlobs();

  async #write<T>(write: () => Promise<T>): Promise<T> {
    if (this.problem === null) return write();
    const cause = Object.assign(new Error(this.problem), { code: this.problem });
    throw new StorageError('Can’t write.', 'Make room.', null, { cause });
  }

  async pass(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 250) {
      await new Promise(setImmediate);
      this.clock.advance(250);
    }
    await new Promise(setImmediate);
  }
}

it('keeps what a full disk refuses until there is room, events in their order', async () => {
  const disk = new Disk();
  disk.problem = 'ENOSPC';
  const { runs, blobs } = disk.stores;
  const written = [1, 2].map((step) => runs.append(event(step)));
  const reply = blobs.put('A reply.');
  await disk.pass(5_000);
  const last = runs.append(event(3));
  disk.problem = null;
  await disk.pass(500);
  await Promise.all([...written, last, reply]);
  expect(await runs.events(runId)).toEqual([1, 2, 3].map(event));
});

it('gives up after twenty seconds, and then at once until a write succeeds', async () => {
  const disk = new Disk();
  disk.problem = 'ENOSPC';
  const { runs } = disk.stores;
  const refused = runs.append(event(1)).catch((error: unknown) => error);
  await disk.pass(20_250);
  expect(await refused).toMatchObject({ code: 'storage' });
  await expect(runs.append(event(2))).rejects.toMatchObject({ code: 'storage' });
  disk.problem = null;
  await runs.append(event(3));
  disk.problem = 'ENOSPC';
  const waits = runs.append(event(4));
  await disk.pass(1_000);
  disk.problem = null;
  await disk.pass(250);
  await waits;
  expect(disk.log.logged).toEqual([event(3), event(4)]);
});

it('throws at once what waiting does not help', async () => {
  const disk = new Disk();
  disk.problem = 'EACCES';
  await expect(disk.stores.runs.append(event(1))).rejects.toMatchObject({ code: 'storage' });
  await expect(disk.stores.blobs.put('x')).rejects.toMatchObject({ code: 'storage' });
});
