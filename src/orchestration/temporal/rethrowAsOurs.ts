import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import { EngineUnavailableError } from '../../core/errors.ts';
import { callFailureSchema, fromCallFailure } from '../../core/run/callFailure.ts';

/** Gives an activity's failure back the class that the branch loop knows. */
export function rethrowAsOurs(error: unknown): never {
  if (!(error instanceof ActivityFailure)) throw error;
  const { cause } = error;
  if (cause instanceof ApplicationFailure) {
    const failure = callFailureSchema.safeParse(cause.details?.[0]);
    if (failure.success) throw fromCallFailure(failure.data);
  }
  if (cause instanceof TimeoutFailure) {
    throw new EngineUnavailableError(
      'The worker was lost while a request was under way, more often than it may be asked again.',
      'Look at the worker’s log, then run Retry Failed.',
      undefined,
      { cause },
    );
  }
  throw error;
}
