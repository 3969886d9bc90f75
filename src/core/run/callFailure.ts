import * as z from 'zod';
import type { BlobStore } from '../blobStore.ts';
import { ForkpointError, ModelCallError, type ModelFailureKind } from '../errors.ts';
import { type Failure, failureSchema } from '../failure.ts';
import { type BlobRef, blobRefSchema } from '../ids.ts';
import { isRetryable } from './retryPolicies.ts';
import { failureOf } from './runPlan.ts';

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

/**
 * What was thrown in another process, as data for a server's history: kinds and figures. What is said to a person (commands, paths,
 * what a program printed) lies in the blob store, and comes back when the failure is written to the run's log.
 */
export const callFailureSchema = z.object({
  code: z.string(),
  /** Blob of a `Failure`, null where it could not be stored. */
  words: blobRefSchema.nullable().default(null),
  /** Null for errors that are not of a model call. */
  model: z
    .object({
      kind: z.enum(modelFailureKinds),
      status: z.number().nullable(),
      retryAfterMs: z.number().nullable(),
      mayBeBilled: z.boolean(),
      neverAgain: z.boolean().default(false),
      requestId: z.string().nullable(),
    })
    .nullable(),
});
export type CallFailure = z.infer<typeof callFailureSchema>;

/** Details of a failure whose words lie elsewhere. */
const wordlessSchema = z.strictObject({ words: blobRefSchema.nullable() });
type Wordless = z.infer<typeof wordlessSchema>;

/** A `ForkpointError` that was thrown in another process. */
class RelayedError extends ForkpointError {
  readonly exitCode = 1;

  constructor(
    readonly code: string,
    details: Wordless,
  ) {
    super(code, '', details);
  }
}

/** A `ModelCallError` that was thrown in another process. */
class RelayedModelError extends ModelCallError {
  override readonly details: Wordless;

  constructor({ kind, ...facts }: NonNullable<CallFailure['model']>, details: Wordless) {
    super(kind, kind, '', { ...facts, partialText: '' });
    this.details = details;
  }
}

/** Anything thrown, as data without words. The partial text of a model call stays in the run's log. */
export async function toCallFailure(error: unknown, blobs: Pick<BlobStore, 'put'>): Promise<CallFailure> {
  const failure = failureOf(error);
  const words = await store(failure, blobs);
  if (!(error instanceof ModelCallError)) return { code: failure.code, words, model: null };
  const { status, retryAfterMs, mayBeBilled, neverAgain = false, requestId } = error.facts;
  const model = { kind: error.kind, status, retryAfterMs, mayBeBilled, neverAgain, requestId };
  return { code: failure.code, words, model };
}

/** The error again, of the class that it had, without its words. */
export function fromCallFailure({ code, words, model }: CallFailure): ForkpointError {
  return model === null ? new RelayedError(code, { words }) : new RelayedModelError(model, { words });
}

/** The failure with its words in the blob store. */
export async function withoutFailureWords(failure: Failure, blobs: Pick<BlobStore, 'put'>): Promise<Failure> {
  return {
    code: failure.code,
    message: '',
    hint: '',
    details: { words: await store(failure, blobs) } satisfies Wordless,
  };
}

/** The failure with its words again, where they were taken from it. */
export async function withFailureWords(failure: Failure, blobs: Pick<BlobStore, 'get'>): Promise<Failure> {
  const wordless = wordlessSchema.safeParse(failure.details);
  if (!wordless.success) return failure;
  const { words } = wordless.data;
  const stored = failureSchema.safeParse(words === null ? null : await blobs.get(words).catch(() => null));
  if (stored.success) return stored.data;
  const message = 'What went wrong could not be kept.';
  return { code: failure.code, message, hint: 'See whether the disk is full, then run Retry Failed.' };
}

/** Null where the store fails: a failure must not be lost over its words. */
function store(failure: Failure, blobs: Pick<BlobStore, 'put'>): Promise<BlobRef | null> {
  return blobs.put(failure).catch(() => null);
}

/** Whether the same request may be sent again after this failure. */
export function mayAskAgain(error: unknown): error is ModelCallError {
  return error instanceof ModelCallError && isRetryable(error.kind, error.facts);
}
