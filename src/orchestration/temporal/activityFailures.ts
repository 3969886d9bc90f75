import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import type { BlobStore } from '../../core/blobStore.ts';
import { AgentError, ForkpointError } from '../../core/errors.ts';
import { mayAskAgain, toCallFailure } from '../../core/run/callFailure.ts';
import { type CallModelDeps, type ModelCall, retryingEvent } from '../../core/run/callModel.ts';
import { type RetryPolicy, retryDelayMs } from '../../core/run/retryPolicies.ts';
import { failureOf } from '../../core/run/runPlan.ts';

export type CallOrder = { call: ModelCall; retry: RetryPolicy; announceFirstToken: boolean };

/** Whether and when the server may hand an activity out again. Absent: as its policy says. */
type Again = { nonRetryable: true } | { nextRetryDelay: number };

/** What an activity ended with, and what follows from it. */
class ActivityEnd extends Error {
  constructor(
    override readonly cause: unknown,
    readonly again: Again,
  ) {
    super('An activity has failed.');
  }
}

type Activity = (input: never) => Promise<unknown>;

/**
 * The same activities, but what they throw says nothing in words: a failure enters the server's history, with its message, its
 * cause and its stack, and what a command printed or a path is called has no place there. The words are in the blob store.
 */
export function withoutWords<T extends object>(activities: T & { [K in keyof T]: Activity }, blobs: BlobStore): T {
  const guarded = Object.entries<Activity>(activities).map(([name, work]) => [
    name,
    (input: never) =>
      // Activities may be called from outside of one another: what they throw at once counts too.
      (async () => work(input))().catch(async (error: unknown) => {
        throw await wordless(error, blobs);
      }),
  ]);
  return Object.fromEntries(guarded) as T;
}

async function wordless(error: unknown, blobs: BlobStore): Promise<unknown> {
  // The SDK knows a cancelled activity by this very error.
  if (error instanceof CancelledFailure) return error;
  const [cause, again] = error instanceof ActivityEnd ? [error.cause, error.again] : [error, {}];
  const failure = await toCallFailure(cause, blobs);
  const told = ApplicationFailure.create({ message: failure.code, type: failure.code, details: [failure], ...again });
  told.stack = '';
  return told;
}

/** Decides whether the server may hand a call out again and when, and says so in the run's log. */
export async function endOfCall(
  { call, retry }: CallOrder,
  attempt: number,
  error: unknown,
  { runs, clock }: CallModelDeps,
): Promise<Error> {
  if (!mayAskAgain(error) || attempt >= retry.attempts) return new ActivityEnd(error, { nonRetryable: true });
  const delayMs = retryDelayMs(retry, attempt, error.facts.retryAfterMs, Math.random());
  const { code, message, hint } = failureOf(error);
  const what = { attempt, delayMs, error: { code, message, hint }, billing: 'known' } as const;
  await runs.append(retryingEvent(call, clock.now(), what));
  return new ActivityEnd(error, { nextRetryDelay: delayMs });
}

/**
 * What is said in words (no place to be had, a failed set-up) would be said again. An agent that was lost goes on where it was,
 * and what is thrown plainly may pass.
 */
export function endOfAgentWork(error: unknown): unknown {
  const passes = error instanceof AgentError || !(error instanceof ForkpointError);
  return passes ? error : new ActivityEnd(error, { nonRetryable: true });
}
