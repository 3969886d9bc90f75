import { ModelCallError, type ModelFailureKind } from '../errors.ts';

/** One tier of retries. Times in milliseconds. The fields follow Temporal's retry policy, so that both engines read one table. */
export interface RetryPolicy {
  initialMs: number;
  factor: number;
  maxMs: number;
  /** Tries in all, the first included. */
  attempts: number;
}

export const retryPolicies = {
  /** Calls to the model API. */
  modelApi: { initialMs: 1_000, factor: 2, maxMs: 300_000, attempts: 5 },
  /** Preparing places, running agents and checks: tried again where a worker was lost. */
  compute: { initialMs: 2_000, factor: 2, maxMs: 60_000, attempts: 3 },
  /** Reading and writing our own files. */
  local: { initialMs: 100, factor: 1.5, maxMs: 2_000, attempts: 3 },
} as const satisfies Record<string, RetryPolicy>;

/** Limits on one activity or call, in milliseconds. */
export const timeouts = {
  local: 30_000,
  fileIo: 60_000,
  modelCall: 600_000,
  /** The longest time limit that a branch can have or be given: a day. */
  longestBranch: 24 * 3_600_000,
  /** One prompt of an agent, a person's answers included: four weeks. */
  agent: 28 * 24 * 3_600_000,
  modelHeartbeat: 30_000,
  /** Idle timeout of a stream. */
  modelIdle: 120_000,
} as const;

/**
 * Failures after which the same request may be sent again: the API answered with an error that bills nothing, or the
 * request never reached it. A cut stream is not among them: it may have been billed, so a person decides.
 */
const retryable: ReadonlySet<ModelFailureKind> = new Set(['rate_limited', 'overloaded', 'server_error', 'unreachable']);

export function isRetryable(
  kind: ModelFailureKind,
  { mayBeBilled, neverAgain }: Pick<ModelCallError['facts'], 'mayBeBilled' | 'neverAgain'>,
): boolean {
  return retryable.has(kind) && !mayBeBilled && neverAgain !== true;
}

/** No pause holds all calls of a model back for longer, in milliseconds. */
export const longestPauseMs = retryPolicies.modelApi.maxMs;

/**
 * For how long the failure of one call holds back all calls that the API counts with it, in milliseconds; null: for no time. Whoever
 * made too many is to wait however little is said of it; of an overloaded API others know only where it says for how long.
 * @param attempt number of the try that failed, 1-based
 */
export function pauseAfterMs(error: unknown, attempt: number): number | null {
  if (!(error instanceof ModelCallError)) return null;
  const { retryAfterMs } = error.facts;
  const pauses = error.kind === 'rate_limited' || (error.kind === 'overloaded' && (retryAfterMs ?? 0) > 0);
  // The shortest time after which the call itself may be made again.
  return pauses ? retryDelayMs(retryPolicies.modelApi, attempt, retryAfterMs, 0) : null;
}

/**
 * Wait before try number `attempt + 1`, in milliseconds: exponential with full jitter in the upper half, or what the server asked
 * for where that is longer; capped by the policy.
 * @param attempt number of the try that failed, 1-based
 * @param random in [0, 1)
 */
export function retryDelayMs(
  policy: RetryPolicy,
  attempt: number,
  retryAfterMs: number | null,
  random: number,
): number {
  const backoff = Math.min(policy.maxMs, policy.initialMs * policy.factor ** (attempt - 1));
  const jittered = backoff / 2 + (backoff / 2) * random;
  return Math.min(policy.maxMs, Math.max(retryAfterMs ?? 0, jittered));
}
