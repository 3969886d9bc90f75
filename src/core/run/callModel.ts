import type { MessagesRequest } from '../api/messagesRequest.ts';
import type { StoredReply } from '../api/storedReply.ts';
import type { BlobStore } from '../blobStore.ts';
import type { Clock } from '../clock.ts';
import { type Provider, type StoredRequest, storedRequestSchema } from '../fork/forkPlan.ts';
import type { BlobRef, BranchId, RunId } from '../ids.ts';
import { noTracer, type Tracer } from '../tracer.ts';
import { toolUses } from './advance.ts';
import type { BranchEvent } from './branchEvent.ts';
import { BranchLog } from './branchLog.ts';
import type { StepResult } from './branchOutcome.ts';
import { askCache, keepReply } from './cachedReplies.ts';
import type { CallGate } from './callGate.ts';
import type { ModelClients, PriceList, RunStore } from './ports.ts';
import type { CallCache, ResultCache } from './resultCache.ts';
import { pauseAfterMs } from './retryPolicies.ts';

/** One model call, by reference. */
export interface ModelCall {
  runId: RunId;
  branchId: BranchId;
  provider: Provider;
  /** 1-based inside the branch. */
  step: number;
  /** Index of the recorded turn. */
  turn: number;
  /** Blob of a `StoredRequest`. */
  request: BlobRef;
  /** Left out where answers are neither taken from the result cache nor kept in it. */
  cache?: CallCache | undefined;
}

/** Calls that are held back for less, in milliseconds, are not worth a word. */
const tellHeldFromMs = 1_000;

type RetryingEvent = Extract<BranchEvent, { type: 'retrying' }>;

export interface CallModelDeps {
  blobs: BlobStore;
  runs: RunStore;
  models: ModelClients;
  prices: PriceList;
  clock: Clock;
  /** Answers of earlier runs, for calls that say so. */
  cache?: ResultCache;
  /** Default: no call is held back. */
  gate?: CallGate;
  /** Default: nothing is traced. */
  tracer?: Tracer;
}

export interface CallOptions {
  signal: AbortSignal;
  /** 1-based; from the second on, a reply that an earlier try completed is returned instead of asking again. */
  attempt: number;
  /** The call is held back no longer. */
  onSent?: () => void;
  onFirstToken?: () => void;
}

/** What is written to the run's log where a call failed that will be made again. @param now milliseconds since the epoch */
export function retryingEvent(
  { runId, branchId, step }: ModelCall,
  now: number,
  what: Pick<RetryingEvent, 'attempt' | 'delayMs' | 'error' | 'billing'>,
): BranchEvent {
  return { type: 'retrying', runId, branchId, at: new Date(now).toISOString(), step, ...what };
}

/**
 * Sends one request and keeps what comes: the text as it streams in (in the run's log), the reply as a blob.
 * One call is one HTTP request; the caller decides whether to retry.
 * @throws ModelCallError, or the signal's reason after an abort
 */
export async function callModel(call: ModelCall, deps: CallModelDeps, options: CallOptions): Promise<StepResult> {
  if (options.attempt > 1) {
    const done = await completedBefore(call, deps);
    if (done !== null) return done;
  }
  const log = new BranchLog({ runId: call.runId, branchId: call.branchId }, deps);
  const cached = await askCache(call, deps, log);
  if (cached !== null) {
    options.onFirstToken?.();
    return cached;
  }
  const stored = storedRequestSchema.parse(await deps.blobs.get(call.request));
  const reply = await ask(call, stored, log, deps, options);
  const result: StepResult = {
    step: call.step,
    turn: call.turn,
    reply: await deps.blobs.put(reply),
    model: reply.model,
    stopReason: reply.stopReason,
    usage: reply.usage,
    toolCalls: toolUses(reply.content).length,
    costUsd: costOf(call, stored.request, reply, deps.prices),
    ...(reply.usageMissing && { usageMissing: true }),
  };
  await keepReply(call, { reply, costUsd: result.costUsd }, deps, log);
  await log.append({ type: 'step-completed', result });
  return result;
}

/** Sends the request once the gate lets it out. */
async function ask(
  call: ModelCall,
  { request, betas }: StoredRequest,
  log: BranchLog,
  deps: CallModelDeps,
  { signal, attempt, onSent, onFirstToken }: CallOptions,
): Promise<StoredReply> {
  const client = await deps.models(call.provider);
  const hold = (ms: number): void => {
    const until = new Date(deps.clock.now() + ms).toISOString();
    if (ms >= tellHeldFromMs) log.write({ type: 'call-held', step: call.step, until });
  };
  const permit = await deps.gate?.enter({ provider: call.provider, model: request.model }, signal, hold);
  try {
    signal.throwIfAborted();
    onSent?.();
    await log.append({ type: 'request-sent', step: call.step, attempt });
    return await tracedCall(call, request.model, deps.tracer, () =>
      client.stream(request, betas, {
        signal,
        onEvent: (event) => {
          if (event.type === 'text') return log.text(call.step, event.text);
          if (event.type === 'output-tokens') return log.outputTokens(event.outputTokens);
          onFirstToken?.();
          log.write({ type: 'first-token', step: call.step });
        },
      }),
    );
  } catch (error) {
    const pauseMs = pauseAfterMs(error, attempt);
    if (pauseMs !== null) await permit?.pause(pauseMs);
    throw error;
  } finally {
    await permit?.leave();
    // Also after a failure or an abort: what was received is kept.
    await log.flush();
  }
}

/** The call as a span, named as OpenTelemetry's conventions for models want it. */
function tracedCall(
  { runId, branchId, provider, step }: ModelCall,
  model: string,
  tracer: Tracer = noTracer,
  ask: () => Promise<StoredReply>,
): Promise<StoredReply> {
  const facts = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': provider,
    'gen_ai.request.model': model,
    'forkpoint.run': runId,
    'forkpoint.branch': branchId,
    'forkpoint.step': step,
  };
  return tracer.span(`chat ${model}`, facts, async (span) => {
    const reply = await ask();
    span.note({
      'gen_ai.response.model': reply.model ?? model,
      'gen_ai.usage.input_tokens': reply.usage.inputTokens,
      'gen_ai.usage.output_tokens': reply.usage.outputTokens,
    });
    return reply;
  });
}

function costOf(
  { provider }: ModelCall,
  request: MessagesRequest,
  reply: StoredReply,
  prices: PriceList,
): number | null {
  // The demo's model answers on this machine and bills nothing.
  if (provider === 'demo') return 0;
  if (reply.usageMissing) return null;
  const fast = request['speed'] === 'fast' ? { fast: true as const } : {};
  return prices.cost(reply.model ?? request.model, { ...reply.usage, ...fast });
}

/**
 * The reply of this very step, when an earlier try completed it but could not report (its worker died in between). Where
 * an earlier try was sent and never answered, says so in the log: that request may have been billed.
 */
async function completedBefore(call: ModelCall, deps: CallModelDeps): Promise<StepResult | null> {
  let unanswered: number | null = null;
  let done: StepResult | null = null;
  for (const event of await deps.runs.events(call.runId)) {
    if (!('branchId' in event) || event.branchId !== call.branchId) continue;
    if (event.type === 'branch-reset' || event.type === 'retrying') unanswered = null;
    if (event.type === 'request-sent' && event.step === call.step) unanswered = event.attempt;
    if (event.type === 'step-completed' && event.result.step === call.step) {
      done = event.result;
      unanswered = null;
    }
  }
  if (done !== null) return done;
  if (unanswered !== null) {
    const error = {
      code: 'worker_lost',
      message: 'The worker went away while this request was under way.',
      hint: 'It is asked again; the first request may have been billed.',
    };
    const what = { attempt: unanswered, delayMs: 0, error, billing: 'unknown' } as const;
    await deps.runs.append(retryingEvent(call, deps.clock.now(), what));
  }
  return null;
}
