import * as z from 'zod';
import { ForkpointError, ModelCallError, type ModelFailureKind, messageOf } from '../errors.ts';
import { isRetryable } from './retryPolicies.ts';

const modelFailureKinds = [
  'bad_request',
  'authentication',
  'permission',
  'not_found',
  'too_large',
  'rate_limited',
  'overloaded',
  'server_error',
  'unreachable',
  'stream_cut',
  'idle_timeout',
] as const satisfies readonly ModelFailureKind[];

/** An error of a model call as data, for the way between processes. The partial text stays in the run's log. */
export const callFailureSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  /** Null for errors that are not of a model call. */
  model: z
    .object({
      kind: z.enum(modelFailureKinds),
      status: z.number().nullable(),
      retryAfterMs: z.number().nullable(),
      mayBeBilled: z.boolean(),
      requestId: z.string().nullable(),
    })
    .nullable(),
});
export type CallFailure = z.infer<typeof callFailureSchema>;

/** A `ForkpointError` that was thrown in another process. */
class RelayedError extends ForkpointError {
  readonly exitCode = 1;

  constructor(
    readonly code: string,
    message: string,
    hint: string,
  ) {
    super(message, hint);
  }
}

/** Anything thrown by a model call, as data. */
export function toCallFailure(error: unknown): CallFailure {
  if (error instanceof ModelCallError) {
    const { status, retryAfterMs, mayBeBilled, requestId } = error.facts;
    const model = { kind: error.kind, status, retryAfterMs, mayBeBilled, requestId };
    return { code: error.code, message: error.message, hint: error.hint, model };
  }
  const known = error instanceof ForkpointError ? error : null;
  return {
    code: known?.code ?? 'internal',
    message: messageOf(error),
    hint: known?.hint ?? 'Please report this; the log has the details.',
    model: null,
  };
}

/** The error again, of the class that it had. */
export function fromCallFailure(failure: CallFailure): ForkpointError {
  const { code, message, hint, model } = failure;
  if (model === null) return new RelayedError(code, message, hint);
  return new ModelCallError(model.kind, message, hint, { ...model, partialText: '' });
}

/** Whether the same request may be sent again after this failure. */
export function mayAskAgain(failure: CallFailure): boolean {
  return failure.model !== null && isRetryable(failure.model.kind, failure.model.mayBeBilled);
}
