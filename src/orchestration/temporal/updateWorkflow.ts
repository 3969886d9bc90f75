import type { WorkflowHandle } from '@temporalio/client';
import type { BlobStore } from '../../core/blobStore.ts';
import { causesOf, type ForkpointError, StorageError } from '../../core/errors.ts';
import { callFailureSchema, fromCallFailure, withFailureWords } from '../../core/run/callFailure.ts';
import { failureOf } from '../../core/run/runPlan.ts';

/** The workflow did not take an update. `type`: as the workflow names it; `RunOver` where the workflow is closed. */
export class UpdateRefused extends Error {
  constructor(
    readonly type: string,
    message: string,
    options: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Sends an update and waits for its end.
 * @throws UpdateRefused; StorageError where what it had to do failed
 */
export async function updateWorkflow<R, A>(
  handle: WorkflowHandle,
  name: string,
  argument: A,
  blobs: BlobStore,
): Promise<R> {
  const { WorkflowNotFoundError, WorkflowUpdateFailedError } = await import('./temporalClient.ts');
  try {
    return await handle.executeUpdate<R, [A]>(name, { args: [argument] });
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) {
      throw new UpdateRefused('RunOver', 'The run has ended.', { cause: error });
    }
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    const failure = relayedFailure(error);
    if (failure !== null) {
      const { message, hint } = await withFailureWords(failureOf(failure), blobs);
      throw new StorageError(message, hint, null, { cause: error });
    }
    const { cause } = error;
    const type = cause !== undefined && 'type' in cause && typeof cause.type === 'string' ? cause.type : 'Refused';
    throw new UpdateRefused(type, cause?.message ?? error.message, { cause: error });
  }
}

/** The failure of an activity that lies behind an error, null where none does. */
export function relayedFailure(error: unknown): ForkpointError | null {
  for (const at of causesOf(error)) {
    const details: unknown = 'details' in at && Array.isArray(at.details) ? at.details[0] : null;
    const failure = callFailureSchema.safeParse(details);
    if (failure.success) return fromCallFailure(failure.data);
  }
  return null;
}
