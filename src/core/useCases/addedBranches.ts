import * as z from 'zod';
import type { BlobStore } from '../blobStore.ts';
import { BadInputError } from '../errors.ts';
import type { BranchPlan, ForkPlan } from '../fork/forkPlan.ts';
import { type BranchSpec, type ForkRequest, forkRequestSchema } from '../fork/forkRequest.ts';
import { branchIdSchema } from '../ids.ts';

/**
 * The fork that a run under way stands for, with other branches: they are planned as if the fork had had them.
 * @throws BadInputError where they can't be added to this run
 */
export async function forkOfRun(plan: ForkPlan, specs: readonly BranchSpec[], blobs: BlobStore): Promise<ForkRequest> {
  if (plan.kind !== 'fork') {
    throw new BadInputError('A replay takes no more branches.', 'Replay the session once more, with the other model.');
  }
  for (const [index, { name }] of specs.entries()) {
    if (!plan.branches.some((branch) => branch.name === name)) continue;
    throw new BadInputError(`The run has a branch called "${name}" already.`, 'Give the new one another name.', {
      path: `branches[${index}].name`,
    });
  }
  const { uuid, kind } = plan.point;
  const { agent, tools, maxSteps, timeoutSeconds } = plan;
  return forkRequestSchema.parse({
    session: plan.session.file,
    at: kind === 'before' ? { before: uuid } : { after: uuid },
    engine: plan.engine,
    executor: plan.executor,
    tools,
    maxSteps,
    timeoutSeconds,
    branches: specs,
    ...(plan.budgetUsd !== null && { budgetUsd: plan.budgetUsd }),
    ...(plan.prompt !== undefined && { prompt: z.string().parse(await blobs.get(plan.prompt)) }),
    ...(agent !== null && { files: agent.filesChoice, permissions: agent.permissions, place: agent.place }),
  });
}

/** The branches with ids that follow those of the run. */
export function followingIds(run: ForkPlan, branches: readonly BranchPlan[]): BranchPlan[] {
  const rowOf = (id: string): number => Number(/^b(\d+)/.exec(id)?.[1] ?? 0);
  const last = Math.max(...run.branches.map(({ branchId }) => rowOf(branchId)));
  return branches.map((branch) => {
    const branchId = branch.branchId.replace(/^b\d+/, `b${last + rowOf(branch.branchId)}`);
    return { ...branch, branchId: branchIdSchema.parse(branchId) };
  });
}
