import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { StorageError } from '../../core/errors.ts';
import { type ForkPlan, forkPlanSchema } from '../../core/fork/forkPlan.ts';
import type { RunId } from '../../core/ids.ts';
import type { SharedStore } from '../../core/sharedStore.ts';
import { isAbsent } from '../fileErrors.ts';
import { writeWhole } from '../writeWhole.ts';

const markSchema = z.object({ store: z.string() });

const planName = (runId: RunId): string => `runs/${runId}/plan.json`;

/** What a run's folder says of the store that its log is in; null for a run of this machine alone. */
export async function readShareMark(folder: string): Promise<string | null> {
  try {
    return markSchema.parse(JSON.parse(await readFile(markIn(folder), 'utf8'))).store;
  } catch (error) {
    if (isAbsent(error)) return null;
    throw new StorageError(
      `Can't read ${markIn(folder)}, which says where the run's log is.`,
      'Check that the file is readable.',
      null,
      { cause: error },
    );
  }
}

export async function writeShareMark(folder: string, store: string): Promise<void> {
  await writeWhole(markIn(folder), JSON.stringify({ store }));
}

/** Null where the store has no such run. @throws StorageError */
export async function readSharedPlan(store: SharedStore, runId: RunId): Promise<ForkPlan | null> {
  const bytes = await store.get(planName(runId));
  if (bytes === null) return null;
  const plan = forkPlanSchema.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  if (plan.success) return plan.data;
  throw new StorageError(`The plan of run ${runId} in ${store.location} is damaged.`, 'Dispatch the fork again.');
}

export async function writeSharedPlan(store: SharedStore, plan: ForkPlan): Promise<void> {
  await store.put(planName(plan.runId), Buffer.from(JSON.stringify(plan)));
}

function markIn(folder: string): string {
  return path.join(folder, 'shared.json');
}
