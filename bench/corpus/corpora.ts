import type { CorpusOptions } from './writeCorpus.ts';

/** A made-up word that one session of each corpus holds. */
export const rareWord = 'quixotrybble';

/**
 * The corpus of the reading jobs: at scale 1 two thousand sessions, about 1.03 GB and 14,600 turns, one session of 300 MB.
 */
export function readingCorpus(scale: number): CorpusOptions {
  const large = { turns: Math.round(1842 * scale), bytes: 300_000_000 * scale, compacted: true };
  return { seed: 1, sessions: Math.round(2000 * scale) - 1, turns: 6.4, bytesPerTurn: 54_000, large, rareWord };
}

/** One session as large as that of the reading corpus that was never compacted, so that every reader has to read all of it. */
export function largeSession(scale: number): CorpusOptions {
  const large = { turns: Math.round(1842 * scale), bytes: 300_000_000 * scale, compacted: false };
  return { seed: 5, sessions: 0, turns: 1, bytesPerTurn: 1000, large };
}

/** Very many small sessions: what a tree of sessions has to bear. */
export function manySessions(sessions: number): CorpusOptions {
  return { seed: 2, sessions, turns: 1.5, bytesPerTurn: 1000 };
}

/** One session of very many small turns: what a panel has to bear. */
export function manyTurns(turns: number): CorpusOptions {
  return {
    seed: 3,
    sessions: 0,
    turns: 1,
    bytesPerTurn: 1000,
    large: { turns, bytes: turns * 4000, compacted: false },
  };
}
