import path from 'node:path';
import type { CachedCorpus } from './cachedCorpus.ts';
import type { Corpus } from './writeCorpus.ts';

/** The large session of a corpus that has one. `path` is absolute. */
export function largeOf(corpus: CachedCorpus): Corpus['sessions'][number] & { path: string } {
  const large = corpus.sessions.find(({ sessionId }) => sessionId === corpus.largeId);
  if (large === undefined) throw new Error(`${corpus.claudeDir} has no large session.`);
  return { ...large, path: path.join(corpus.claudeDir, large.file) };
}
