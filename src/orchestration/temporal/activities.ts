import { ApplicationFailure, Context } from '@temporalio/activity';
import * as z from 'zod';
import { ForkpointError } from '../../core/errors.ts';
import { providerSchema } from '../../core/fork/forkPlan.ts';
import { blobRefSchema, branchIdSchema, runIdSchema } from '../../core/ids.ts';
import { type Advance, type AdvanceInput, advance } from '../../core/run/advance.ts';
import { type BranchEvent, branchEventSchema } from '../../core/run/branchEvent.ts';
import type { StepResult } from '../../core/run/branchOutcome.ts';
import { type CallFailure, mayAskAgain, toCallFailure } from '../../core/run/callFailure.ts';
import { type CallModelDeps, callModel, type ModelCall, retryingEvent } from '../../core/run/callModel.ts';
import { RateLimitPause } from '../../core/run/rateLimitPause.ts';
import { type RetryPolicy, retryDelayMs } from '../../core/run/retryPolicies.ts';

// A cancellation reaches an activity with the answer to its heartbeat, so this bounds how long a cancelled stream lives on.
export const heartbeatEveryMs = 300;

const callOrderSchema = z.object({
  call: z.object({
    runId: runIdSchema,
    branchId: branchIdSchema,
    provider: providerSchema,
    step: z.int().positive(),
    turn: z.int(),
    request: blobRefSchema,
  }),
  retry: z.object({ initialMs: z.number(), factor: z.number(), maxMs: z.number(), attempts: z.number() }),
  /** Other branches wait for the first token of this one. */
  announceFirstToken: z.boolean(),
});
type CallOrder = { call: ModelCall; retry: RetryPolicy; announceFirstToken: boolean };

/** What the workflow asks for. The last two run as local activities: they only read and write our own files. */
export interface Activities {
  callModel(order: CallOrder): Promise<StepResult>;
  advanceBranch(input: AdvanceInput): Promise<Advance>;
  appendEvents(events: BranchEvent[]): Promise<void>;
}

/** The activities on the given ports. */
export function createActivities(deps: CallModelDeps): Activities {
  const pause = new RateLimitPause(deps.clock, Math.random);
  return {
    async callModel(input) {
      const order = callOrderSchema.parse(input);
      const context = Context.current();
      const { attempt } = context.info;
      const heart = setInterval(() => context.heartbeat(), heartbeatEveryMs);
      try {
        await pause.over(context.cancellationSignal);
        return await callModel(order.call, deps, {
          signal: context.cancellationSignal,
          attempt,
          onFirstToken: order.announceFirstToken ? () => announce(order.call) : undefined,
        });
      } catch (error) {
        // The SDK knows a cancelled activity by this very error.
        if (context.cancellationSignal.aborted) throw context.cancellationSignal.reason;
        throw await failureOfCall(order, attempt, error, { ...deps, pause });
      } finally {
        clearInterval(heart);
      }
    },
    advanceBranch: (input) => advance(input, deps).catch(rethrowWithDetails),
    async appendEvents(events) {
      // The store keeps the order of the calls.
      await Promise.all(
        z
          .array(branchEventSchema)
          .parse(events)
          .map((event) => deps.runs.append(event)),
      );
    },
  };
}

/** Tells the workflow that the branch's first token has come. Where that fails, the others wait for the branch's end instead. */
function announce(call: ModelCall): void {
  const { client, info, log } = Context.current();
  const workflowId = info.workflowExecution?.workflowId;
  if (workflowId === undefined) return;
  client.workflow
    .getHandle(workflowId)
    .signal('firstToken', call.branchId)
    .catch((error: unknown) => log.warn('The first token could not be announced.', { error }));
}

/** Decides whether the server may hand the call out again and when, and says so in the run's log. */
async function failureOfCall(
  { call, retry }: CallOrder,
  attempt: number,
  error: unknown,
  { runs, clock, pause }: CallModelDeps & { pause: RateLimitPause },
): Promise<ApplicationFailure> {
  const failure = toCallFailure(error);
  if (!mayAskAgain(failure) || attempt >= retry.attempts) return applicationFailure(failure, error, 'never again');
  const delayMs = retryDelayMs(retry, attempt, failure.model?.retryAfterMs ?? null, Math.random());
  if (failure.model?.kind === 'rate_limited') pause.extend(delayMs);
  const { code, message, hint } = failure;
  const what = { attempt, delayMs, error: { code, message, hint }, billing: 'known' } as const;
  await runs.append(retryingEvent(call, clock.now(), what));
  return applicationFailure(failure, error, { nextRetryDelay: delayMs });
}

function applicationFailure(
  failure: CallFailure,
  cause: unknown,
  again: 'never again' | { nextRetryDelay?: number },
): ApplicationFailure {
  return ApplicationFailure.create({
    message: failure.message,
    type: failure.code,
    details: [failure],
    ...(again === 'never again' ? { nonRetryable: true } : again),
    ...(cause instanceof Error && !(cause instanceof ForkpointError) ? { cause } : {}),
  });
}

/** Files may be busy for a moment: these are tried again by the `local` policy. */
function rethrowWithDetails(error: unknown): never {
  throw applicationFailure(toCallFailure(error), error, {});
}
