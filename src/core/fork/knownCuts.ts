import type { TranscriptEntry } from '../session/transcriptEntry.ts';
import type { SessionTree } from '../session/turnTree.ts';
import { cutBeforePrompt, inputTokensOf, requestRefOf } from './resolveForkPoint.ts';

/** What all of a session says of the cut before a turn's prompt. With it the first records are enough to find what was sent there. */
export interface KnownCut {
  /** Under which id the log holds the request that the reply at the cut answered. */
  request: string;
  /** How many records stand before that reply: all that is needed of the log is among them. */
  records: number;
  /** Line of the last record of the history. */
  upTo: number;
  /** Tokens of the whole input as the API counted them. */
  inputTokens: number | null;
}

/**
 * @param entries all records of the session in file order
 * @returns one for each turn; null where more than the records before the reply has a say in what a fork sends
 */
export function knownCuts(tree: SessionTree, entries: readonly TranscriptEntry[]): (KnownCut | null)[] {
  const places = new Map(entries.map((entry, at) => [entry.line, at]));
  // Any later record may say so of any request.
  const changedByHook = new Set(entries.map(({ facts }) => facts.changedByHook));
  return tree.session.turns.map((turn) => {
    const { reply, upTo } = cutBeforePrompt(tree, turn);
    const request = requestRefOf(reply);
    const records = places.get(reply[0]?.entry.line ?? 0);
    if (request === null || records === undefined || changedByHook.has(request)) return null;
    return { request, records, upTo: upTo.entry.line, inputTokens: inputTokensOf(reply) };
  });
}
