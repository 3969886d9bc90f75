import { describe, expect, it } from 'vitest';
import { branchSpecSchema } from '../../../../src/core/fork/forkRequest.ts';
import { branchIdSchema } from '../../../../src/core/ids.ts';
import { followingIds, forkOfRun } from '../../../../src/core/useCases/addedBranches.ts';
import { MemoryBlobs } from '../../../support/memoryStores.ts';
import { buildPlan } from '../../../support/storedPlan.ts';

const spec = (name: string) => branchSpecSchema.parse({ name, model: 'claude-opus-4-5' });

describe('a branch that is added to a run', () => {
  it('is planned as if the fork had had it: same point, same prompt, same limits', async () => {
    const blobs = new MemoryBlobs();
    const plan = await buildPlan(blobs, { branches: [{ name: 'one' }], budgetUsd: 3, timeoutSeconds: 60, maxSteps: 7 });
    const request = await forkOfRun({ ...plan, prompt: await blobs.put('Shared.') }, [spec('two')], blobs);
    expect(request).toMatchObject({
      session: plan.session.file,
      at: { before: plan.point.uuid },
      executor: 'api',
      prompt: 'Shared.',
      maxSteps: 7,
      budgetUsd: 3,
      timeoutSeconds: 60,
      branches: [{ name: 'two', model: 'claude-opus-4-5', repeats: 1 }],
    });
  });

  it('needs a name of its own, and a fork', async () => {
    const blobs = new MemoryBlobs();
    const plan = await buildPlan(blobs, { branches: [{ name: 'one' }] });
    await expect(forkOfRun(plan, [spec('one')], blobs)).rejects.toThrow('The run has a branch called "one" already.');
    await expect(forkOfRun({ ...plan, kind: 'replay' }, [spec('two')], blobs)).rejects.toThrow(
      /takes no more branches/,
    );
  });

  it('gets the next free row, its repeats likewise', async () => {
    const blobs = new MemoryBlobs();
    const run = await buildPlan(blobs, { branches: [{ name: 'one' }, { name: 'two' }] });
    const [one, two] = (await buildPlan(blobs, { branches: [{ name: 'three' }, { name: 'four' }] })).branches;
    const repeat = { ...two!, branchId: branchIdSchema.parse(`${two?.branchId}-1`) };
    expect(followingIds(run, [one!, repeat]).map(({ branchId }) => branchId)).toEqual(['b3', 'b4-1']);
  });
});
