import { canonicalJson, type Json } from '../canonicalJson.ts';
import { groupBy } from '../groupBy.ts';
import type { Sha256 } from '../run/ports.ts';
import { withoutCacheControl } from './cacheControl.ts';
import { apiErrorText, isSyntheticReply } from './promptRules.ts';
import type { ContentBlock } from './recordedSession.ts';
import type { TranscriptEntry } from './transcriptEntry.ts';

/** A message of a rebuilt request: contents are blocks, cache marks are left out. */
export type IndexedMessage = { role: string; content: ContentBlock[] } & { [key: string]: Json };

/** Runs of more lines than this are looked up whole or by their beginning only: trying all would be quadratic. */
const longestRun = 40;

/** A message in the form that the log hashes: blocks, no cache marks. */
export function indexedMessage(message: {
  role: string;
  content: string | readonly { type: string }[];
}): IndexedMessage {
  const { content, ...rest } = message;
  const blocks: ContentBlock[] =
    typeof content === 'string'
      ? [{ type: 'text', text: content }]
      : (withoutCacheControl([...content] as Json[]) as ContentBlock[]);
  return { ...(rest as { role: string }), content: blocks };
}

/**
 * Finds messages by the hash under which the request log names them. A hash names a message that the log itself holds, or
 * a run of transcript lines: user lines that follow each other, or the lines of one reply up to some line.
 */
export class MessageIndex {
  readonly #sha256: Sha256;
  readonly #found = new Map<string, IndexedMessage>();
  readonly #texts = new Map<IndexedMessage, string>();
  /** What is still to be indexed, cheapest first; each is run only when a hash was not found before. */
  readonly #pending: (() => void)[];

  /**
   * @param entries one file's records in file order
   * @param logged messages that the log holds, by hash
   */
  constructor(entries: readonly TranscriptEntry[], logged: ReadonlyMap<string, IndexedMessage>, sha256: Sha256) {
    this.#sha256 = sha256;
    for (const [hash, message] of logged) {
      // A blob that does not match its own name is damaged: better no message than a wrong one.
      if (this.#hashOf(message) === hash) this.#found.set(hash, message);
    }
    const spoken = entries.filter(
      (entry) => entry.message !== null && !isSyntheticReply(entry) && apiErrorText(entry) === null,
    );
    this.#pending = [
      () => this.#addReplies(spoken),
      () => this.#addUserRuns(userRuns(spoken), false),
      () => this.#addUserRuns(userRuns(spoken), true),
      // What Claude Code wrote in a model's stead is sent too, once the session goes on.
      () => this.#addReplies(entries.filter((entry) => entry.message !== null)),
      () => this.#addUserRuns(userRuns(entries.filter((entry) => entry.message !== null)), true),
    ];
  }

  /** The message of that hash, null where the file does not hold it. */
  find(hash: string): IndexedMessage | null {
    for (;;) {
      const found = this.#found.get(hash);
      if (found !== undefined) return found;
      const next = this.#pending.shift();
      if (next === undefined) return null;
      next();
    }
  }

  /** Canonical text of a message that this index gave out; computed once. */
  textOf(message: IndexedMessage): string {
    const known = this.#texts.get(message);
    if (known !== undefined) return known;
    const text = canonicalJson(message);
    this.#texts.set(message, text);
    return text;
  }

  #hashOf(message: IndexedMessage): string {
    return this.#sha256(this.textOf(message));
  }

  #add(role: string, content: readonly ContentBlock[]): void {
    const message = indexedMessage({ role, content });
    const hash = this.#hashOf(message);
    if (this.#found.has(hash)) this.#texts.delete(message);
    else this.#found.set(hash, message);
  }

  #addReplies(spoken: readonly TranscriptEntry[]): void {
    const replies = groupBy(
      spoken.filter((entry) => entry.type === 'assistant'),
      (entry) => entry.message?.id ?? entry.uuid,
    );
    for (const lines of replies.values()) {
      for (let end = 1; end <= lines.length; end += 1) this.#add('assistant', contentOf(lines.slice(0, end)));
    }
  }

  #addUserRuns(runs: readonly TranscriptEntry[][], everyStart: boolean): void {
    for (const run of runs) {
      const starts = everyStart && run.length <= longestRun ? run.length : 1;
      for (let start = 0; start < starts; start += 1) {
        for (let end = start + 1; end <= run.length; end += 1) this.#add('user', contentOf(run.slice(start, end)));
      }
    }
  }
}

function contentOf(lines: readonly TranscriptEntry[]): ContentBlock[] {
  return lines.flatMap((line) => line.message?.content ?? []);
}

/** User lines without a reply between them. */
function userRuns(spoken: readonly TranscriptEntry[]): TranscriptEntry[][] {
  const runs: TranscriptEntry[][] = [[]];
  for (const entry of spoken) {
    if (entry.type === 'user') runs.at(-1)?.push(entry);
    else if (runs.at(-1)?.length !== 0) runs.push([]);
  }
  return runs;
}
