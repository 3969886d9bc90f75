import { Context } from '@temporalio/activity';
import * as z from 'zod';
import { answerSchema } from '../../core/agent/agentFacts.ts';
import type { AgentBranchRef } from '../../core/agent/agentPorts.ts';
import type { BlobStore } from '../../core/blobStore.ts';
import { BadInputError } from '../../core/errors.ts';
import { type BranchPlan, branchPlanSchema, providerSchema } from '../../core/fork/forkPlan.ts';
import { type BranchId, blobRefSchema, branchIdSchema, type RunId, runIdSchema } from '../../core/ids.ts';
import { type Advance, type AdvanceInput, advance } from '../../core/run/advance.ts';
import type { AgentTurnOutcome, AgentWork } from '../../core/run/agent/agentWork.ts';
import type { AnswerOrder } from '../../core/run/agent/answerOrder.ts';
import { isPrepared } from '../../core/run/agent/isPrepared.ts';
import { storeAddedBranch, storeLimits } from '../../core/run/amendPlan.ts';
import { type BranchEvent, branchEventSchema } from '../../core/run/branchEvent.ts';
import type { StepResult } from '../../core/run/branchOutcome.ts';
import { withFailureWords, withoutFailureWords } from '../../core/run/callFailure.ts';
import { type CallModelDeps, callModel } from '../../core/run/callModel.ts';
import { patientStores } from '../../core/run/patientStores.ts';
import { callCacheSchema } from '../../core/run/resultCache.ts';
import { type LimitChange, limitChangeSchema } from '../../core/run/runLimits.ts';
import { withoutBranchWords } from '../../core/run/runOrder.ts';
import type { AddOrder } from '../../core/run/runUpdate.ts';
import { type CallOrder, endOfAgentWork, endOfCall, withoutWords } from './activityFailures.ts';
import { type LoadOrder, loadOrderSchema, type RunPage } from './durableRun/runPage.ts';
import { LifeEvents } from './lifeEvents.ts';
import { completedStepsOf, loadRunPage } from './loadRunPage.ts';
import { signalWorkflow, tellOfQuestion } from './signalWorkflow.ts';
import { StepsInTurn } from './stepsInTurn.ts';

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
    cache: callCacheSchema.optional(),
  }),
  retry: z.object({ initialMs: z.number(), factor: z.number(), maxMs: z.number(), attempts: z.number() }),
  /** Other branches wait for the first token of this one. */
  announceFirstToken: z.boolean(),
});

const branchRefSchema = z.object({ runId: runIdSchema, branchId: branchIdSchema });

type TurnOrder = AgentBranchRef & { turn: number; announceFirstToken: boolean };
/** `first`: the place may have to be made; `last`: a branch that has come to its end is finished. */
type WholeTurnOrder = TurnOrder & { first: boolean; last: boolean };

/** What the workflow asks for. Those from `loadRun` on run as local activities: they only read and write our own files. */
export interface Activities {
  callModel(order: CallOrder): Promise<StepResult>;
  prepareAgent(ref: AgentBranchRef): Promise<void>;
  agentTurn(order: TurnOrder): Promise<AgentTurnOutcome>;
  /** A turn with what comes before the first and after the last one: each exchange with the server costs tens of milliseconds. */
  wholeAgentTurn(order: WholeTurnOrder): Promise<AgentTurnOutcome & { finished: boolean }>;
  finishAgent(ref: AgentBranchRef & { checks: boolean }): Promise<void>;
  /** Finishes a branch that was prepared, and discards one that was not. */
  endAgent(ref: AgentBranchRef & { checks: boolean }): Promise<void>;
  discardAgent(ref: AgentBranchRef): Promise<void>;
  checkBaselines(runId: RunId): Promise<void>;
  /** Its second and later pages as an ordinary activity. */
  loadRun(order: LoadOrder): Promise<RunPage>;
  completedSteps(ref: AgentBranchRef): Promise<StepResult[]>;
  advanceBranch(input: AdvanceInput): Promise<Advance>;
  appendEvents(events: BranchEvent[]): Promise<void>;
  noteWaiting(order: AgentBranchRef & { until: string }): Promise<void>;
  giveAnswer(order: AnswerOrder & { runId: RunId }): Promise<void>;
  /** @returns the stored branch without its words */
  addBranch(order: AddOrder & { runId: RunId }): Promise<BranchPlan>;
  changeLimits(order: { runId: RunId; change: LimitChange }): Promise<void>;
}

export interface ActivityDeps extends CallModelDeps {
  /** The work of branches that Claude Code answers, loaded when the first one runs. */
  agents: () => Promise<AgentWork>;
}

/** The activities on the given ports. */
export function createActivities(given: ActivityDeps): Activities {
  const deps = { ...given, ...patientStores(given, given.clock) };
  const lifeEvents = new LifeEvents(deps.runs);
  const steps = new StepsInTurn();
  const activities: Activities = {
    callModel: (order) => askModel(callOrderSchema.parse(order), steps, deps),
    loadRun: (order) => loadRunPage(loadOrderSchema.parse(order), deps),
    completedSteps: (ref) => completedStepsOf(branchRefSchema.parse(ref), deps),
    advanceBranch: (input) => advance(input, deps),
    async appendEvents(events) {
      const parsed = z.array(branchEventSchema).parse(events);
      const [first] = parsed;
      if (first === undefined) return;
      const worded = await Promise.all(parsed.map((event) => withWords(event, deps.blobs)));
      await lifeEvents.append(first.runId, worded);
    },
    async addBranch({ runId, branch }) {
      const added = branchPlanSchema.parse(await deps.blobs.get(branch));
      await storeAddedBranch(runIdSchema.parse(runId), added, deps);
      return withoutBranchWords(added);
    },
    changeLimits: ({ runId, change }) => storeLimits(runIdSchema.parse(runId), limitChangeSchema.parse(change), deps),
    ...agentActivities(deps),
  };
  return withoutWords(activities, deps.blobs);
}

/** One call of the model, which heartbeats, and hears of its cancellation. */
async function askModel(order: CallOrder, steps: StepsInTurn, deps: ActivityDeps): Promise<StepResult> {
  const context = Context.current();
  const { attempt } = context.info;
  const signal = context.cancellationSignal;
  // In the web UI a person sees what a call is at.
  let phase: 'held back' | 'asked' | 'answering' = 'held back';
  const heart = setInterval(() => context.heartbeat({ phase }), heartbeatEveryMs);
  try {
    return await steps.run(order.call, signal, () =>
      callModel(order.call, deps, {
        signal,
        attempt,
        onSent: () => {
          phase = 'asked';
        },
        onFirstToken: () => {
          phase = 'answering';
          if (order.announceFirstToken) announce(order.call.branchId);
        },
      }),
    );
  } catch (error) {
    // The SDK knows a cancelled activity by this very error.
    if (signal.aborted) throw signal.reason;
    throw await endOfCall(order, attempt, error, deps);
  } finally {
    clearInterval(heart);
  }
}

/** The event as a person reads it: what failed in an activity came through the workflow without its words. */
async function withWords(event: BranchEvent, blobs: BlobStore): Promise<BranchEvent> {
  if (event.type !== 'branch-ended' || event.outcome.error === null) return event;
  return { ...event, outcome: { ...event.outcome, error: await withFailureWords(event.outcome.error, blobs) } };
}

/** One of them is one activity: it heartbeats, hears of its cancellation, and is handed out again where its worker was lost. */
function agentActivities(deps: ActivityDeps) {
  const { agents, runs, blobs } = deps;
  return {
    prepareAgent: (ref) =>
      working('preparing', (signal) => withAgents((work) => work.prepare(branchRefSchema.parse(ref), signal))),
    agentTurn: (order) => working('working', (signal, enter) => sendTurn(order, deps, signal, enter)),
    wholeAgentTurn: ({ first, last, ...order }) =>
      working('preparing', async (signal, enter) => {
        const ref = branchRefSchema.parse(order);
        if (first) await withAgents((work) => work.prepare(ref, signal));
        enter('working');
        const outcome = await sendTurn(order, deps, signal, enter);
        const finished = last && outcome.kind === 'completed';
        if (finished) {
          enter('looking at changes');
          await withAgents((work) => work.finish({ ...ref, checks: true }, signal));
        }
        return { ...outcome, finished };
      }),
    finishAgent: (ref) =>
      working('looking at changes', (signal) =>
        withAgents((work) => work.finish({ ...branchRefSchema.parse(ref), checks: ref.checks }, signal)),
      ),
    endAgent: ({ checks, ...order }) =>
      working('looking at changes', async (signal) => {
        const ref = branchRefSchema.parse(order);
        const prepared = await isPrepared(ref, runs);
        await withAgents((work) => (prepared ? work.finish({ ...ref, checks }, signal) : work.discard(ref)));
      }),
    discardAgent: (ref) => working('removing', () => withAgents((work) => work.discard(branchRefSchema.parse(ref)))),
    checkBaselines: (runId) =>
      working('checking', (signal) => withAgents((work) => work.checkBaselines(runIdSchema.parse(runId), signal))),
    noteWaiting: ({ until, ...ref }) => withAgents((work) => work.noteWaiting(branchRefSchema.parse(ref), until)),
    giveAnswer: async ({ runId, branchId, callId, answer }) => {
      const given = answerSchema.parse(await blobs.get(answer));
      // Asked twice by a worker that was lost in between: the answer is there.
      await runs.answer(runId, branchId, callId, given).catch((error: unknown) => {
        if (!(error instanceof BadInputError)) throw error;
      });
    },
  } satisfies Partial<Activities>;

  async function withAgents<T>(work: (agents: AgentWork) => Promise<T>): Promise<T> {
    return work(await agents());
  }
}

async function sendTurn(
  { announceFirstToken, turn, ...ref }: TurnOrder,
  { agents, blobs, clock }: ActivityDeps,
  signal: AbortSignal,
  enter: (next: Phase) => void,
): Promise<AgentTurnOutcome> {
  const outcome = await (await agents()).turn(
    { ...branchRefSchema.parse(ref), turn },
    {
      signal,
      onFirstToken: announceFirstToken ? () => announce(ref.branchId) : undefined,
      onQuestion: (callId, state, waiting) => {
        enter(state === 'open' ? 'waiting for an answer' : 'working');
        return tellOfQuestion(ref.branchId, callId, state, clock, waiting);
      },
    },
  );
  return outcome.error === null ? outcome : { ...outcome, error: await withoutFailureWords(outcome.error, blobs) };
}

type Phase = 'preparing' | 'working' | 'waiting for an answer' | 'looking at changes' | 'checking' | 'removing';

/** @param phase what the activity is at, for a person who looks at it in the web UI */
async function working<T>(
  phase: Phase,
  work: (signal: AbortSignal, enter: (next: Phase) => void) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const signal = context.cancellationSignal;
  let current = phase;
  const heart = setInterval(() => context.heartbeat({ phase: current }), heartbeatEveryMs);
  try {
    return await work(signal, (next) => {
      current = next;
    });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw endOfAgentWork(error);
  } finally {
    clearInterval(heart);
  }
}

/** Tells the workflow that the branch's first token has come. Where that fails, the others wait for the branch's end instead. */
function announce(branchId: BranchId): void {
  void signalWorkflow('firstToken', branchId).catch((error: unknown) =>
    Context.current().log.warn('The first token could not be announced.', { error }),
  );
}
