import * as errors from '../../core/errors.ts';

/** An error as it crosses to another thread: structured clone would keep nothing but the message. */
export interface PlainError {
  name: string;
  message: string;
  stack: string | undefined;
  /** Of a ForkpointError. */
  hint?: string;
  details?: unknown;
  /** Of a ModelCallError. */
  model?: Pick<errors.ModelCallError, 'kind' | 'facts'>;
  /** Node's code of a system error, for example `ENOENT`. */
  code?: string;
  cause?: PlainError;
}

const classes = new Map(
  [
    errors.BadInputError,
    errors.NotFoundError,
    errors.ForkPointError,
    errors.EngineUnavailableError,
    errors.NotConfirmedError,
    errors.RunOwnedError,
    errors.InterruptedError,
    errors.PlaceError,
    errors.SetupError,
    errors.AgentError,
    errors.StorageError,
    errors.EncryptionError,
    errors.ReaderEndedError,
  ].map((made) => [made.name, made]),
);

/** Causes of causes are kept to this depth: some errors are their own cause. */
const deepestCause = 5;

/** Anything thrown, as plain data. `details` have to be plain data already. */
export function toPlainError(thrown: unknown, depth = 0): PlainError {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown), stack: undefined };
  const { name, message, stack, cause } = thrown;
  const code = (thrown as NodeJS.ErrnoException).code;
  return {
    name,
    message,
    stack,
    ...(thrown instanceof errors.ForkpointError && { hint: thrown.hint, details: thrown.details }),
    ...(thrown instanceof errors.ModelCallError && { model: { kind: thrown.kind, facts: thrown.facts } }),
    ...(typeof code === 'string' && { code }),
    ...(cause !== undefined && depth < deepestCause && { cause: toPlainError(cause, depth + 1) }),
  };
}

/** The error again: one of ours is of its own class, with hint and details; any other is an Error of the same name. */
export function fromPlainError(plain: PlainError): Error {
  const { name, message, stack, hint, details, model, code, cause } = plain;
  const options = cause === undefined ? {} : { cause: fromPlainError(cause) };
  const Made = classes.get(name);
  if (hint !== undefined && model !== undefined) {
    return withStack(new errors.ModelCallError(model.kind, message, hint, model.facts, options), stack);
  }
  if (hint !== undefined && Made !== undefined) return withStack(new Made(message, hint, details, options), stack);
  const error = Object.assign(new Error(message, options), { name }, code === undefined ? {} : { code });
  return withStack(error, stack);
}

function withStack<E extends Error>(error: E, stack: string | undefined): E {
  if (stack !== undefined) error.stack = stack;
  return error;
}
