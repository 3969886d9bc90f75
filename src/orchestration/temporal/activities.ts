import { ApplicationFailure, Context } from '@temporalio/activity';
import * as z from 'zod';
import type { AgentBranchRef } from '../../core/agent/agentPorts.ts';
import type { AgentTurnOutcome, AgentWork } from '../../core/agent/agentWork.ts';
import type { AnswerOrder } from '../../core/agent/answerOrder.ts';
import { AgentError, BadInputError, ForkpointError } from '../../core/errors.ts';
import { providerSchema } from '../../core/fork/forkPlan.ts';
import { type BranchId, blobRefSchema, branchIdSchema, type RunId, runIdSchema } from '../../core/ids.ts';
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

const agentBranchSchema = z.object({ runId: runIdSchema, branchId: branchIdSchema });

/** What the workflow asks for. Those from `advanceBranch` on run as local activities: they only read and write our own files. */
export interface Activities {
  callModel(order: CallOrder): Promise<StepResult>;
  prepareAgent(ref: AgentBranchRef): Promise<void>;
  agentTurn(order: AgentBranchRef & { turn: number; announceFirstToken: boolean }): Promise<AgentTurnOutcome>;
  finishAgent(ref: AgentBranchRef & { checks: boolean }): Promise<void>;
  discardAgent(ref: AgentBranchRef): Promise<void>;
  checkBaselines(runId: RunId): Promise<void>;
  advanceBranch(input: AdvanceInput): Promise<Advance>;
  appendEvents(events: BranchEvent[]): Promise<void>;
  noteWaiting(order: AgentBranchRef & { until: string }): Promise<void>;
  giveAnswer(order: AnswerOrder & { runId: RunId }): Promise<void>;
}

export interface ActivityDeps extends CallModelDeps {
  /** The work of branches that Claude Code answers, loaded when the first one runs. */
  agents: () => Promise<AgentWork>;
}

/** The activities on the given ports. */
export function createActivities(deps: ActivityDeps): Activities {
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
          onFirstToken: order.announceFirstToken ? () => announce(order.call.branchId) : undefined,
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
    ...agentActivities(deps),
  };
}

/** One of them is one activity: it heartbeats, hears of its cancellation, and is handed out again where its worker was lost. */
function agentActivities({ agents, runs }: ActivityDeps) {
  return {
    prepareAgent: (ref) =>
      working((signal) => withAgents((work) => work.prepare(agentBranchSchema.parse(ref), signal))),
    agentTurn: ({ announceFirstToken, turn, ...ref }) =>
      working((signal) =>
        withAgents((work) =>
          work.turn(
            { ...agentBranchSchema.parse(ref), turn },
            {
              signal,
              onFirstToken: announceFirstToken ? () => announce(ref.branchId) : undefined,
              onQuestion: (callId, state) => tellOfQuestion(ref.branchId, callId, state),
            },
          ),
        ),
      ),
    finishAgent: (ref) =>
      working((signal) =>
        withAgents((work) => work.finish({ ...agentBranchSchema.parse(ref), checks: ref.checks }, signal)),
      ),
    discardAgent: (ref) => working(() => withAgents((work) => work.discard(agentBranchSchema.parse(ref)))),
    checkBaselines: (runId) =>
      working((signal) => withAgents((work) => work.checkBaselines(runIdSchema.parse(runId), signal))),
    noteWaiting: ({ until, ...ref }) => withAgents((work) => work.noteWaiting(agentBranchSchema.parse(ref), until)),
    giveAnswer: ({ runId, branchId, callId, answer }) =>
      // Asked twice by a worker that was lost in between: the answer is there.
      runs.answer(runId, branchId, callId, answer).catch((error: unknown) => {
        if (!(error instanceof BadInputError)) throw error;
      }),
  } satisfies Partial<Activities>;

  async function withAgents<T>(work: (agents: AgentWork) => Promise<T>): Promise<T> {
    return work(await agents());
  }
}

async function working<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const context = Context.current();
  const signal = context.cancellationSignal;
  const heart = setInterval(() => context.heartbeat(), heartbeatEveryMs);
  try {
    return await work(signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    // What is said in words (no place to be had, a failed set-up) would be said again. An agent that was lost goes on where it
    // was, and what is thrown plainly may pass.
    const passes = error instanceof AgentError || !(error instanceof ForkpointError);
    throw applicationFailure(toCallFailure(error), error, passes ? {} : 'never again');
  } finally {
    clearInterval(heart);
  }
}

function tellOfQuestion(branchId: BranchId, callId: string, state: 'open' | 'closed'): Promise<void> {
  return signalWorkflow('question', [branchId, callId, state], 'A question could not be announced.');
}

/** Tells the workflow that the branch's first token has come. Where that fails, the others wait for the branch's end instead. */
function announce(branchId: BranchId): void {
  void signalWorkflow('firstToken', [branchId], 'The first token could not be announced.');
}

async function signalWorkflow(signal: string, args: unknown[], onFailure: string): Promise<void> {
  const { client, info, log } = Context.current();
  const workflowId = info.workflowExecution?.workflowId;
  if (workflowId === undefined) return;
  await client.workflow
    .getHandle(workflowId)
    .signal(signal, ...args)
    .catch((error: unknown) => log.warn(onFailure, { error }));
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
