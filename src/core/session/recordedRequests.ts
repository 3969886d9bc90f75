import * as z from 'zod';
import { withCacheControlAt } from '../api/cacheControl.ts';
import { type MessagesRequest, messageSchema, systemSchema, toolsSchema } from '../api/messagesRequest.ts';
import { canonicalJson, type Json } from '../canonicalJson.ts';
import type { Sha256 } from '../sha256.ts';
import { textField } from './jsonRecord.ts';
import { LazyLog } from './lazyLog.ts';
import { type IndexedMessage, indexedMessage, MessageIndex } from './messageIndex.ts';
import type { RecordedRequest } from './recordedRequest.ts';
import type { TranscriptEntry } from './transcriptEntry.ts';

const jsonSchema = z.custom<Json>((value) => value !== undefined);

const requestSchema = z.object({
  id: z.string(),
  querySource: z.string().nullish(),
  shapeHash: z.string(),
  params: z.looseObject({
    model: z.string().min(1),
    max_tokens: z.int().positive(),
    betas: z.array(z.string()).optional(),
  }),
  base: z.string().optional(),
  keep: z.int().nonnegative().optional(),
  tail: z.array(z.string()),
  cacheControl: z.array(z.object({ path: z.array(z.union([z.string(), z.number()])), value: jsonSchema })).default([]),
  requestDigest: z.string().optional(),
  withheld: z.array(z.string()).default([]),
  cut: z.unknown().optional(),
});
const shapeSchema = z.object({
  shapeHash: z.string(),
  shape: z.looseObject({ system: systemSchema.optional(), tools: toolsSchema.optional() }),
});
const blobSchema = z.object({ hash: z.string(), message: messageSchema });

type LoggedRequest = z.infer<typeof requestSchema> & { line: number };

/**
 * Requests with this beta feature mostly hold a check of tool calls at the API. Version 2.1.300 logs it, 2.1.329 does not and
 * computes the digest without it: where it is absent, nobody can tell whether it was sent.
 */
const checkOfCalls = { beta: 'dangerous-tool-use-', field: 'safeguards' };
/** How many requests behind a message are searched for one that continues it: it comes soon. */
const searchedRequests = 64;

/** The parts that a request's digest is computed over, each as canonical text. */
function digestOf(parts: ReadonlyMap<string, string>, sha256: Sha256): string {
  const members = [...parts]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, text]) => `${JSON.stringify(key)}:${text}`);
  return sha256(`{${members.join(',')}}`);
}

/** Reads the name of a record only: what it holds may be large, and is read again when it is needed. */
function named(field: string): (entry: TranscriptEntry) => { key: string; item: TranscriptEntry } | null {
  return (entry) => {
    const key = textField(entry.record, field);
    return key === null ? null : { key, item: entry };
  };
}

/**
 * The request log of one file (a session's or a subagent's; each is self-contained). Rebuilds requests on demand, reads
 * no further than asked, and remembers what it worked out.
 */
export class RecordedRequests {
  readonly file: string;
  readonly #sha256: Sha256;
  readonly #requests = new LazyLog(loggedRequest);
  readonly #shapes = new LazyLog(named('shapeHash'));
  readonly #blobs = new LazyLog(named('hash'));
  readonly #shapeTexts = new Map<string, string>();
  readonly #changedByHook = new Set<string>();
  readonly #responses = new Map<string, string>();
  readonly #index: MessageIndex;
  /** Hashes of the request that was asked for last: the next one mostly goes on from it. */
  #lastHashes: { request: LoggedRequest; hashes: readonly string[] } | null = null;

  /** @param entries the file's records in file order */
  constructor(file: string, entries: readonly TranscriptEntry[], sha256: Sha256) {
    this.file = file;
    this.#sha256 = sha256;
    for (const entry of entries) this.#take(entry);
    this.#index = new MessageIndex(entries, (hash, line) => this.#blobOf(hash, line), sha256);
  }

  /** Looks at the plain fields only: a whole file goes through here. */
  #take(entry: TranscriptEntry): void {
    if (entry.type === 'api-request') this.#requests.add(entry);
    else if (entry.type === 'api-request-shape') this.#shapes.add(entry);
    else if (entry.type === 'api-request-blob') this.#blobs.add(entry);
    else if (entry.type === 'assistant') {
      const { requestRef, messageId, changedByHook } = entry.facts;
      if (requestRef === null) return;
      if (messageId !== null) this.#responses.set(requestRef, messageId);
      if (changedByHook !== null) this.#changedByHook.add(changedByHook);
    }
  }

  /** Ids of the requests behind one line and before another, in file order. */
  *ids(from = 0, until = Number.POSITIVE_INFINITY): Generator<string> {
    for (const { id } of this.#requests.between(from, until)) yield id;
  }

  #blobOf(hash: string, line: number): IndexedMessage | null {
    const entry = this.#blobs.find(hash, line);
    const parsed = blobSchema.safeParse(entry?.record);
    return parsed.success ? indexedMessage(parsed.data.message) : null;
  }

  /** Hashes of a request's messages: the first `keep` of its base, then its own. Null where the base is not in the file. */
  #hashesOf(request: LoggedRequest): readonly string[] | null {
    const parts: (readonly string[])[] = [];
    const seen = new Set<LoggedRequest>();
    // Bases form a chain as long as the session; of each only what the next one keeps is taken.
    let wanted = Number.POSITIVE_INFINITY;
    for (let at: LoggedRequest | null = request; wanted > 0; ) {
      if (at === null || seen.has(at)) return null;
      seen.add(at);
      const known = this.#lastHashes?.request === at ? this.#lastHashes.hashes : null;
      const keep = known === null && at.base !== undefined ? (at.keep ?? 0) : 0;
      const own = known ?? at.tail;
      if (at.base === undefined && (at.keep ?? 0) > 0) return null;
      if (wanted !== Number.POSITIVE_INFINITY && keep + own.length < wanted) return null;
      if (wanted > keep) parts.push(own.slice(0, wanted - keep));
      wanted = Math.min(wanted, keep);
      at = wanted === 0 ? at : this.#requests.find(at.base ?? '', request.line);
    }
    const hashes = parts.reverse().flat();
    this.#lastHashes = { request, hashes };
    return hashes;
  }

  /**
   * The request of that id as it was sent. Null where the log does not name it.
   * @param line only what stands before it is searched: a request is logged before its reply
   */
  rebuild(id: string, line = Number.POSITIVE_INFINITY): RecordedRequest | null {
    const logged = this.#requests.find(id, line);
    return logged === null ? null : this.#rebuild(logged);
  }

  #rebuild(logged: LoggedRequest): RecordedRequest {
    const { id } = logged;
    const missing: string[] = [];
    const shape = this.#shapeOf(logged);
    if (shape === null) missing.push('system prompt', 'tool definitions');
    const messages = (this.#hashesOf(logged) ?? [null]).map((hash) =>
      hash === null ? null : this.#index.find(hash, logged.line),
    );
    const lost = messages.filter((message) => message === null).length;
    if (lost > 0) missing.push(lost === 1 ? 'one message of the history' : `${lost} messages of the history`);
    missing.push(...withheldOf(logged));
    if (this.#changedByHook.has(id)) missing.push('what a hook changed before the request was sent');
    const built = shape !== null && lost === 0 ? this.#assemble(logged, shape, messages as IndexedMessage[]) : null;
    const digestVerified =
      built !== null && logged.requestDigest !== undefined && built.digest === logged.requestDigest;
    if (built !== null && !digestVerified && missing.length === 0) {
      missing.push(
        logged.requestDigest === undefined
          ? 'a digest to check the request by'
          : 'something unknown: the digest of what was rebuilt differs from the recorded one',
      );
    }
    missing.push(...perhapsUnlogged(logged));
    return {
      id,
      file: this.file,
      source: logged.querySource ?? null,
      responseMessageId: this.#responses.get(id) ?? null,
      fidelity: digestVerified && missing.length === 0 ? 'exact' : 'reconstructed',
      digestVerified,
      missing,
      request: built?.request ?? null,
      betas: logged.params.betas ?? [],
    };
  }

  /**
   * The first request behind a line whose history holds a message, and where in it. Looks no further than the requests
   * that come next.
   * @param read gives the message; called only where there are such requests
   */
  holding(read: () => IndexedMessage, line: number): { recorded: RecordedRequest; at: number } | null {
    let hash: string | null = null;
    let searched = 0;
    for (const logged of this.#requests.between(line, Number.POSITIVE_INFINITY)) {
      if ((searched += 1) > searchedRequests) return null;
      hash ??= this.#sha256(canonicalJson(read()));
      const at = this.#hashesOf(logged)?.indexOf(hash) ?? -1;
      const recorded = at < 0 ? null : this.#rebuild(logged);
      if (recorded?.request != null) return { recorded, at };
    }
    return null;
  }

  /** System prompt, tools and parameters of the request nearest before a line, else of the first one behind it. */
  settingsNear(line: number): { id: string; request: Partial<MessagesRequest>; betas: string[] } | null {
    const nearest = [this.#requests.before(line), this.#requests.between(line, Number.POSITIVE_INFINITY)];
    for (const requests of nearest) {
      for (const logged of requests) {
        const shape = this.#shapeOf(logged);
        const settings = shape === null ? null : settingsOf(logged, shape);
        if (settings === null) continue;
        return { id: logged.id, request: settings as Partial<MessagesRequest>, betas: logged.params.betas ?? [] };
      }
    }
    return null;
  }

  /** Every request in file order. */
  *all(): Generator<RecordedRequest> {
    for (const logged of this.#requests.between(0, Number.POSITIVE_INFINITY)) yield this.#rebuild(logged);
  }

  #assemble(
    logged: LoggedRequest,
    shape: { [key: string]: Json },
    found: readonly IndexedMessage[],
  ): { request: MessagesRequest; digest: string } | null {
    const messages: Json[] = [...found];
    const rest = settingsOf(logged, shape);
    if (rest === null) return null;
    for (const { path, value } of logged.cacheControl) {
      const [top, ...below] = path;
      if (top !== 'messages') continue;
      const at = Number(below[0]);
      const message = withCacheControlAt(messages[at] ?? null, below.slice(1), value);
      if (message === null) return null;
      messages[at] = message;
    }
    const parts = new Map<string, string>();
    for (const [key, value] of Object.entries({
      ...rest,
      ...(logged.params.betas === undefined ? {} : { betas: logged.params.betas }),
    })) {
      parts.set(key, key in shape ? this.#shapeText(logged, key, value) : canonicalJson(value));
    }
    const texts = messages.map((message, at) =>
      message === found[at] ? this.#index.textOf(found[at] as IndexedMessage) : canonicalJson(message),
    );
    parts.set('messages', `[${texts.join(',')}]`);
    return { request: { ...rest, messages } as MessagesRequest, digest: digestOf(parts, this.#sha256) };
  }

  #shapeOf({ shapeHash, line }: LoggedRequest): { [key: string]: Json } | null {
    const parsed = shapeSchema.safeParse(this.#shapes.find(shapeHash, line)?.record);
    return parsed.success ? (parsed.data.shape as { [key: string]: Json }) : null;
  }

  /** Canonical text of a part of the shape with its cache marks: tens of kilobytes that hundreds of requests share. */
  #shapeText(logged: LoggedRequest, key: string, value: Json): string {
    const marks = logged.cacheControl.filter(({ path }) => path[0] === key);
    const id = `${logged.shapeHash} ${key} ${canonicalJson(marks)}`;
    const known = this.#shapeTexts.get(id) ?? canonicalJson(value);
    this.#shapeTexts.set(id, known);
    return known;
  }
}

function loggedRequest(entry: TranscriptEntry): { key: string; item: LoggedRequest } | null {
  const parsed = requestSchema.safeParse(entry.record);
  return parsed.success ? { key: parsed.data.id, item: { ...parsed.data, line: entry.line } } : null;
}

/** What of a request's body the log does not hold. */
function withheldOf({ withheld, cut }: LoggedRequest): string[] {
  const missing = withheld.map((key) => `the request parameter "${key}", which Claude Code withheld`);
  if (cut !== undefined) missing.push('parts of messages that were too long to be recorded');
  return missing;
}

/** A field that the request may have had although its digest verifies without it. */
function perhapsUnlogged({ params }: LoggedRequest): string[] {
  const { beta, field } = checkOfCalls;
  if (field in params || !params.betas?.some((name) => name.startsWith(beta))) return [];
  return [`the request parameter "${field}": the request may have had it, and its log does not hold it`];
}

/** Everything of a request but its messages, with its cache marks; null where a mark leads nowhere. */
function settingsOf(logged: LoggedRequest, shape: { [key: string]: Json }): { [key: string]: Json } | null {
  const { betas: _sentAsHeader, ...params } = logged.params as { [key: string]: Json };
  const settings: { [key: string]: Json } = { ...params, ...shape };
  for (const { path, value } of logged.cacheControl) {
    const [top, ...below] = path;
    if (top === 'messages') continue;
    const member = withCacheControlAt(settings[String(top)] ?? null, below, value);
    if (member === null) return null;
    settings[String(top)] = member;
  }
  return settings;
}
