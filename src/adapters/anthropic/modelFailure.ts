import { ModelCallError, type ModelFailureKind, messageOf } from '../../core/errors.ts';
import { redacted } from '../../core/redacted.ts';

/** What is known at the moment of a failure. */
export interface FailureFacts {
  status: number | null;
  retryAfterMs: number | null;
  mayBeBilled: boolean;
  neverAgain?: boolean;
  partialText: string;
  requestId: string | null;
}

const kindByType: Readonly<Record<string, ModelFailureKind>> = {
  invalid_request_error: 'bad_request',
  billing_error: 'permission',
  authentication_error: 'authentication',
  permission_error: 'permission',
  not_found_error: 'not_found',
  request_too_large: 'too_large',
  rate_limit_error: 'rate_limited',
  overloaded_error: 'overloaded',
};

const kindByStatus: Readonly<Record<number, ModelFailureKind>> = {
  401: 'authentication',
  402: 'permission',
  403: 'permission',
  404: 'not_found',
  413: 'too_large',
  429: 'rate_limited',
  503: 'overloaded',
  529: 'overloaded',
};

const texts: Readonly<Record<ModelFailureKind, { what: string; hint: string }>> = {
  bad_request: {
    what: 'The API refuses the request',
    hint: 'Change the branch as the message says; the same request would be refused again.',
  },
  authentication: {
    what: 'The API does not accept the key',
    hint: 'Set a valid key: “Forkpoint: Set API Key” in VS Code, ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN on the command line.',
  },
  permission: {
    what: 'The key may not do this',
    hint: 'Check in the Anthropic Console what the key’s workspace may use, and its credit.',
  },
  not_found: {
    what: 'The API does not know the model or the address',
    hint: 'Check the model’s name and the base URL.',
  },
  too_large: {
    what: 'The request is too large for the API',
    hint: 'Fork at an earlier turn, where the history is shorter.',
  },
  rate_limited: {
    what: 'The API asks for a pause (rate limit)',
    hint: 'Run Retry Failed later, or run fewer branches at once.',
  },
  overloaded: { what: 'The API is overloaded', hint: 'Run Retry Failed in some minutes.' },
  server_error: { what: 'The API had an error of its own', hint: 'Run Retry Failed in some minutes.' },
  unreachable: { what: 'The API can’t be reached', hint: 'Check the network, the proxy and the base URL.' },
  stream_cut: {
    what: 'The connection broke in mid-reply',
    hint: 'What had come is kept. The request may have been billed, so it was not sent again: run Retry Failed to do so.',
  },
  idle_timeout: {
    what: 'The API fell silent in mid-reply',
    hint: 'What had come is kept. The request may have been billed, so it was not sent again: run Retry Failed to do so.',
  },
};

/** What the API says of thinking before which something has changed, or that was signed for somebody else. */
const boundThinking = /Invalid `signature` in `thinking` block/;
const thinkingHint =
  'Give the branch another model, which leaves the thinking out, or fork before the reply that the message points at.';

/** Builds the error of a failed call, in words. `detail` is what the API or the system said; keys in it are blotted out. */
export function modelFailure(
  kind: ModelFailureKind,
  detail: string,
  facts: FailureFacts,
  cause?: unknown,
  ownHint: string | null = null,
): ModelCallError {
  const { what } = texts[kind];
  const hint = ownHint ?? (boundThinking.test(detail) ? thinkingHint : texts[kind].hint);
  const said = redacted(detail).trim();
  return new ModelCallError(kind, said === '' ? `${what}.` : `${what}: ${said}`, hint, facts, { cause });
}

/** Kind of an error that the API answered with, by its type and else by its status. */
export function kindOf(status: number | null, type: string | null): ModelFailureKind {
  const byType = type === null ? undefined : kindByType[type];
  if (byType !== undefined) return byType;
  if (status === null) return 'server_error';
  return kindByStatus[status] ?? (status >= 400 && status < 500 ? 'bad_request' : 'server_error');
}

/** `retry-after-ms`, or `retry-after` as seconds or as a date; null where neither is there or makes sense. */
export function retryAfterMs(headers: Headers | undefined, now: number): number | null {
  const milliseconds = Number.parseFloat(headers?.get('retry-after-ms') ?? '');
  if (Number.isFinite(milliseconds)) return Math.max(0, milliseconds);
  const value = headers?.get('retry-after') ?? '';
  const seconds = Number(value);
  if (value.trim() !== '' && Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

// Failures before a byte of the request was sent. With any other the request may have arrived.
const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_INVALID_URL',
  'EPROTO',
]);

/** Failures that are the same at the next try. */
const lasting = /^(?:CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|ERR_SSL_|ERR_INVALID_|EPROTO$)/;

/** What a proxy answered instead of letting the request through, as undici says it. */
const proxyStatus = /Proxy (?:response|Authentication Required) \((\d+)\)/;
const proxyHint = 'Look at HTTPS_PROXY and NO_PROXY, or at the setting http.proxy in VS Code.';
const proxyLogin = 'Put the login into the proxy’s address: HTTPS_PROXY=http://user:password@host:port.';

/** Why a connection failed. */
export interface ConnectionFailure {
  /** The innermost cause's words. */
  detail: string;
  /** Null for the usual one. */
  hint: string | null;
  /** False where the request can't have been sent. */
  sent: boolean;
  /** Asking again can't help. */
  lasting: boolean;
}

/** Looks into the causes of an error that `fetch` threw. */
export function connectionFailure(error: unknown): ConnectionFailure {
  const found: ConnectionFailure = { detail: messageOf(error), hint: null, sent: true, lasting: false };
  for (let at: unknown = error; at instanceof Error; at = innerCause(at)) {
    if (at.message !== '') found.detail = at.message;
    const code = 'code' in at && typeof at.code === 'string' ? at.code : '';
    const refused = proxyStatus.exec(at.message)?.[1];
    if (refused !== undefined) return { ...proxyFailure(Number(refused)), sent: false, lasting: true };
    if (isWordless407(at)) return { ...proxyFailure(407), sent: false, lasting: true };
    if (at.message === 'bad port') return blockedPort;
    if (neverSent.has(code) || code.startsWith('ERR_SSL_')) found.sent = false;
    if (lasting.test(code)) found.lasting = true;
    if (/^(?:EPROTO|ERR_SSL_)/.test(code)) {
      found.detail = `no secure connection can be made (${code}): the address may be one of http, not https`;
    }
  }
  return found;
}

/** https://fetch.spec.whatwg.org/#port-blocking */
const blockedPort: ConnectionFailure = {
  detail: 'the port of the address is one that nothing is sent to, as other protocols use it',
  hint: 'Use another port in the base URL.',
  sent: false,
  lasting: true,
};

/** `fetch` gives status 407 to nobody, and is the only one to fail without a word then: https://fetch.spec.whatwg.org/#http-network-or-cache-fetch */
function isWordless407(error: Error): boolean {
  return error.constructor === Error && error.message === '' && error.cause === undefined && !('code' in error);
}

/** @param status with which a proxy refuses to let a request through */
export function proxyFailure(status: number): Pick<ConnectionFailure, 'detail' | 'hint'> {
  return status === 407
    ? { detail: 'the proxy asks for a login (407)', hint: proxyLogin }
    : { detail: `the proxy does not let the request through (${status})`, hint: proxyHint };
}

// Several addresses tried at once fail together; they fail alike.
function innerCause(error: Error): unknown {
  return error instanceof AggregateError ? error.errors[0] : error.cause;
}
