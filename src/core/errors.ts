// src/core: headless and pure, zod and itself, no vscode, no Node, no I/O, so that it also runs in Temporal's
// sandbox. Beside its folders lie ids, errors, ports and texts that several of them share.

/**
 * Every error that a person may see. One class per kind: the message says what is wrong, `hint` says what to do next,
 * `exitCode` is what the command line ends with (2 bad input, 3 not found, 4 engine or API out of reach).
 */
export abstract class ForkpointError extends Error {
  /** Stable, machine-readable kind, as printed by `--json`. */
  abstract readonly code: string;
  abstract readonly exitCode: 1 | 2 | 3 | 4 | 130;

  constructor(
    message: string,
    readonly hint: string,
    readonly details?: unknown,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }

  toJSON(): { code: string; message: string; hint: string; details: unknown } {
    return { code: this.code, message: this.message, hint: this.hint, details: this.details ?? null };
  }
}

/** Arguments, a fork file or a panel message that can't be used. `details` names the path and the line where known. */
export class BadInputError extends ForkpointError {
  readonly code = 'bad_input';
  readonly exitCode = 2;
}

/** No session, turn, message, run or branch of that name. */
export class NotFoundError extends ForkpointError {
  readonly code = 'not_found';
  readonly exitCode = 3;
}

/** The chosen cut would leave a history that the API refuses, for example between a tool call and its result. */
export class ForkPointError extends ForkpointError {
  readonly code = 'bad_fork_point';
  readonly exitCode = 2;
}

/** The engine (a Temporal server or its worker) can't be reached. */
export class EngineUnavailableError extends ForkpointError {
  readonly code = 'engine_unavailable';
  readonly exitCode = 4;
}

/** A run that would cost money was neither confirmed nor allowed by `--yes`. */
export class NotConfirmedError extends ForkpointError {
  readonly code = 'not_confirmed';
  readonly exitCode = 2;
}

/** Another live process drives the run already. */
export class RunOwnedError extends ForkpointError {
  readonly code = 'run_owned';
  readonly exitCode = 2;
}

/** What drove a branch went away in mid-run; `resume` runs what is missing. */
export class InterruptedError extends ForkpointError {
  readonly code = 'interrupted';
  readonly exitCode = 1;
}

/** A place for a branch can't be made, entered or removed. */
export class PlaceError extends ForkpointError {
  readonly code = 'place';
  readonly exitCode = 1;
}

/** A set-up command failed: the agent was not started, and its place is kept to look into. */
export class SetupError extends ForkpointError {
  readonly code = 'setup_failed';
  readonly exitCode = 1;
}

/** Claude Code can't be found or started, or says something that is not understood. */
export class AgentError extends ForkpointError {
  readonly code = 'agent';
  readonly exitCode = 4;
}

/** What we keep on disk (runs, blobs, index) can't be read or written. */
export class StorageError extends ForkpointError {
  readonly code = 'storage';
  readonly exitCode = 1;
}

/** A payload that can't be decrypted: its key is not set here, or it was changed. */
export class EncryptionError extends ForkpointError {
  readonly code = 'encryption';
  readonly exitCode = 2;
}

/** What reads the sessions (a thread of its own in the editor) ended before it had answered; the next call starts it anew. */
export class ReaderEndedError extends ForkpointError {
  readonly code = 'reader_ended';
  readonly exitCode = 1;
}

/** Why one model call failed. Decides whether the engine may ask again; see `retryPolicies.ts`. */
export type ModelFailureKind =
  | 'bad_request'
  | 'authentication'
  | 'permission'
  | 'not_found'
  | 'too_large'
  | 'rate_limited'
  | 'overloaded'
  | 'server_error'
  | 'unreachable'
  | 'stream_cut'
  | 'idle_timeout';

/** A model call that failed, with what the retry policy needs to know. */
export class ModelCallError extends ForkpointError {
  readonly code: string;
  readonly exitCode = 4;

  constructor(
    readonly kind: ModelFailureKind,
    message: string,
    hint: string,
    readonly facts: {
      /** HTTP status, null where none came. */
      status: number | null;
      /** What the server asked us to wait, in milliseconds. */
      retryAfterMs: number | null;
      /** True once the request may have reached the API and may have been billed. */
      mayBeBilled: boolean;
      /** Asking again can't help: the server says so, or nothing would be different. */
      neverAgain?: boolean;
      /** Text received before the failure. */
      partialText: string;
      requestId: string | null;
    },
    options?: ErrorOptions,
  ) {
    super(message, hint, { kind, status: facts.status, requestId: facts.requestId }, options);
    this.code = kind;
  }
}

/** An error and what it was caused by, the innermost last. Nothing for what is no error. */
export function* causesOf(error: unknown): Generator<Error> {
  for (let at = error; at instanceof Error; at = at.cause) yield at;
}

/** Text of anything thrown, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
