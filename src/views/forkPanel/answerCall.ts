import { ForkpointError, messageOf } from '../../core/errors.ts';
import { sentence } from '../../core/format.ts';
import {
  callSchema,
  type HostMessage,
  type Method,
  methods,
  type Params,
  type Result,
  type ShownError,
} from './protocol.ts';

export type PanelMethods = { [M in Method]: (params: Params<M>) => Promise<Result<M>> };

/**
 * Answers one message of the panel. Whatever arrives there is exactly one answer: a malformed message is told what is
 * wrong with it, a failing method what failed and what to do next. Never throws.
 */
export async function answerCall(raw: unknown, handlers: PanelMethods): Promise<HostMessage> {
  const call = callSchema.safeParse(raw);
  if (!call.success) return { id: idOf(raw), error: malformed(call.error.issues[0]) };
  const { id, method } = call.data;
  const params = methods[method].params.safeParse(call.data.params);
  if (!params.success) return { id, error: malformed(params.error.issues[0], method) };
  try {
    // The parameters were parsed by this very method's schema; the compiler can't see that across the union.
    const handler = handlers[method] as (params: unknown) => Promise<unknown>;
    return { id, result: await handler.call(handlers, params.data) };
  } catch (error) {
    return { id, error: shownError(error) };
  }
}

/** An error in words for the panel. */
export function shownError(error: unknown): ShownError {
  if (error instanceof ForkpointError) return { code: error.code, message: sentence(error.message), hint: error.hint };
  return {
    code: 'internal',
    message: sentence(messageOf(error)),
    hint: 'The log has the details: Forkpoint: Show Log.',
  };
}

function malformed(issue: { path: PropertyKey[]; message: string } | undefined, method?: Method): ShownError {
  const where = [method, ...(issue?.path ?? [])]
    .filter((part) => part !== undefined)
    .map(String)
    .join('.');
  return {
    code: 'bad_input',
    message: `The panel sent a message that can’t be used${where ? ` (${where})` : ''}: ${issue?.message ?? 'unknown reason'}.`,
    hint: 'Close the fork panel and open it again; what you filled in is kept.',
  };
}

function idOf(raw: unknown): number | null {
  const id = (raw as { id?: unknown } | null | undefined)?.id;
  return Number.isSafeInteger(id) && (id as number) >= 0 ? (id as number) : null;
}
