import type { ModelCallError } from '../../core/errors.ts';
import { type FailureFacts, kindOf, modelFailure } from './modelFailure.ts';

const maxShown = 200;

/** Whether an answer of status 200 is the stream that was asked for. Some gateways name no type, or a plain one. */
export function isEventStream({ headers }: Response): boolean {
  const type = headers.get('content-type') ?? '';
  return type === '' || /event-stream|text\/plain|octet-stream/i.test(type);
}

/**
 * The error of an answer that is no event stream: what came instead, and from which host.
 * @param text how its body begins
 */
export function notAStream(response: Response, text: string, host: string, facts: FailureFacts): ModelCallError {
  const body = parsed(text);
  const said = errorOf(body);
  const what = `${host} answered with ${typeWords(response, body, text)} and not with an event stream`;
  const message = said?.message ?? shortened(text);
  const detail = message === '' ? what : `${what}: ${message}`;
  const own = { ...facts, status: response.status, neverAgain: true };
  if (said !== null) return modelFailure(kindOf(null, said.type), detail, own);
  // What is no page and no error may have been made by the model.
  return modelFailure('unreachable', detail, { ...own, mayBeBilled: body !== null });
}

/** What came, by its type; by its looks where it has none, or that of a stream. */
function typeWords({ headers }: Response, body: unknown, text: string): string {
  const [type = ''] = (headers.get('content-type') ?? '').split(';');
  if (type !== '' && !/event-stream/i.test(type)) return type;
  const looks = body !== null ? 'JSON' : /<\/?[a-z!][^>]*>/i.test(text) ? 'a page' : 'text';
  return `${looks} ${type === '' ? 'without a content type' : `called ${type}`}`;
}

/** Type and message of an error in the form of the API; null for anything else. */
export function errorOf(body: unknown): { type: string | null; message: string } | null {
  const { error } = (body ?? {}) as { error?: unknown };
  const { type, message } = (error ?? {}) as { type?: unknown; message?: unknown };
  if (typeof error === 'string') return { type: null, message: shortened(error) };
  if (typeof message !== 'string') return null;
  return { type: typeof type === 'string' ? type : null, message: shortened(message, 2_000) };
}

/** Text of a page or a body, in one short line. */
export function shortened(text: string, most = maxShown): string {
  const plain = /<\/?[a-z!][^>]*>/i.test(text)
    ? text.replace(/<(script|style)\b[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ')
    : text;
  const line = plain.replace(/\s+/g, ' ').trim();
  return line.length <= most ? line : `${line.slice(0, most - 1).trimEnd()}…`.toWellFormed();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
