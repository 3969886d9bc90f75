import { z } from 'zod';
import { canonicalJson, type Json } from '../canonicalJson.ts';
import { type MessagesRequest, messageSchema } from '../fork/messagesRequest.ts';
import type { Sha256 } from '../run/ports.ts';
import { withCacheControlAt } from './cacheControl.ts';
import { recordField, textField } from './jsonRecord.ts';
import { type IndexedMessage, indexedMessage, MessageIndex } from './messageIndex.ts';
import type { RecordedRequest } from './requestLog.ts';
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
  shape: z.looseObject({ system: jsonSchema.optional(), tools: jsonSchema.optional() }),
});
const blobSchema = z.object({ hash: z.string(), message: messageSchema });

type LoggedRequest = z.infer<typeof requestSchema> & { line: number };

function blobOf(entry: TranscriptEntry): IndexedMessage | null {
  const parsed = blobSchema.safeParse(entry.record);
  return parsed.success ? indexedMessage(parsed.data.message) : null;
}

/** The parts that a request's digest is computed over, each as canonical text. */
function digestOf(parts: ReadonlyMap<string, string>, sha256: Sha256): string {
  const members = [...parts]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, text]) => `${JSON.stringify(key)}:${text}`);
  return sha256(`{${members.join(',')}}`);
}

/**
 * The request log of one file (a session's or a subagent's; each is self-contained). Rebuilds requests on demand and
 * remembers what it worked out.
 */
export class RecordedRequests {
  readonly file: string;
  readonly #sha256: Sha256;
  readonly #requests = new Map<string, LoggedRequest>();
  readonly #shapes = new Map<string, TranscriptEntry>();
  readonly #shapeTexts = new Map<string, string>();
  readonly #hashes = new Map<string, readonly string[] | null>();
  readonly #changedByHook = new Set<string>();
  readonly #responses = new Map<string, string>();
  readonly #index: MessageIndex;

  /** @param entries the file's records in file order */
  constructor(file: string, entries: readonly TranscriptEntry[], sha256: Sha256) {
    this.file = file;
    this.#sha256 = sha256;
    const logged = new Map<string, () => IndexedMessage | null>();
    for (const entry of entries) this.#read(entry, logged);
    this.#index = new MessageIndex(entries, logged, sha256);
  }

  /** Ids in file order. */
  ids(): string[] {
    return [...this.#requests.keys()];
  }

  /** 1-based line of the request. */
  lineOf(id: string): number | null {
    return this.#requests.get(id)?.line ?? null;
  }

  #read(entry: TranscriptEntry, logged: Map<string, () => IndexedMessage | null>): void {
    if (entry.type === 'api-request') {
      const parsed = requestSchema.safeParse(entry.record);
      if (parsed.success) this.#requests.set(parsed.data.id, { ...parsed.data, line: entry.line });
    } else if (entry.type === 'api-request-shape') {
      const hash = textField(entry.record, 'shapeHash');
      if (hash !== null) this.#shapes.set(hash, entry);
    } else if (entry.type === 'api-request-blob') {
      const hash = textField(entry.record, 'hash');
      if (hash !== null) logged.set(hash, () => blobOf(entry));
    } else if (entry.type === 'assistant') {
      const { requestRef, messageId } = entry.facts;
      if (requestRef === null) return;
      if (messageId !== null) this.#responses.set(requestRef, messageId);
      const changed = textField(recordField(entry.record, 'requestHookChanged'), 'record');
      if (changed !== null) this.#changedByHook.add(changed);
    }
  }

  /** Hashes of a request's messages: the first `keep` of its base, then its own. Null where the base is not in the file. */
  hashesOf(id: string): readonly string[] | null {
    // Bases form a chain as long as the session, so this must not recurse.
    const open = new Set<LoggedRequest>();
    let at = this.#requests.get(id);
    while (at !== undefined && !this.#hashes.has(at.id) && !open.has(at)) {
      open.add(at);
      at = at.base === undefined ? undefined : this.#requests.get(at.base);
    }
    for (const request of [...open].reverse()) {
      const base = request.base === undefined ? [] : (this.#hashes.get(request.base) ?? null);
      const keep = request.keep ?? 0;
      this.#hashes.set(
        request.id,
        base === null || base.length < keep ? null : [...base.slice(0, keep), ...request.tail],
      );
    }
    return this.#hashes.get(id) ?? null;
  }

  /** The request of that id as it was sent. Null where the log does not name it. */
  rebuild(id: string): RecordedRequest | null {
    const logged = this.#requests.get(id);
    if (logged === undefined) return null;
    const missing: string[] = [];
    const shape = this.#shapeOf(logged.shapeHash);
    if (shape === null) missing.push('system prompt', 'tool definitions');
    const messages = (this.hashesOf(id) ?? [null]).map((hash) =>
      hash === null ? null : this.#index.find(hash, logged.line),
    );
    const lost = messages.filter((message) => message === null).length;
    if (lost > 0) missing.push(lost === 1 ? 'one message of the history' : `${lost} messages of the history`);
    missing.push(...logged.withheld.map((key) => `the request parameter "${key}", which Claude Code withheld`));
    if (logged.cut !== undefined) missing.push('parts of messages that were too long to be recorded');
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

  /** The first request whose history holds this message, and where in it. */
  holding(message: IndexedMessage): { recorded: RecordedRequest; at: number } | null {
    const hash = this.#sha256(canonicalJson(message));
    for (const id of this.ids()) {
      const at = this.hashesOf(id)?.indexOf(hash) ?? -1;
      const recorded = at < 0 ? null : this.rebuild(id);
      if (recorded?.request != null) return { recorded, at };
    }
    return null;
  }

  /** Every request in file order. */
  *all(): Generator<RecordedRequest> {
    for (const id of this.ids()) {
      const rebuilt = this.rebuild(id);
      if (rebuilt !== null) yield rebuilt;
    }
  }

  #assemble(
    logged: LoggedRequest,
    shape: { [key: string]: Json },
    found: readonly IndexedMessage[],
  ): { request: MessagesRequest; digest: string } | null {
    const { betas: _sentAsHeader, ...params } = logged.params as { [key: string]: Json };
    const messages: Json[] = [...found];
    const rest: { [key: string]: Json } = { ...params, ...shape };
    for (const { path, value } of logged.cacheControl) {
      const [top, ...below] = path;
      if (top === 'messages') {
        const at = Number(below[0]);
        const message = withCacheControlAt(messages[at] ?? null, below.slice(1), value);
        if (message === null) return null;
        messages[at] = message;
      } else {
        const key = String(top);
        const member = withCacheControlAt(rest[key] ?? null, below, value);
        if (member === null) return null;
        rest[key] = member;
      }
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

  #shapeOf(hash: string): { [key: string]: Json } | null {
    const parsed = shapeSchema.safeParse(this.#shapes.get(hash)?.record);
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
