import type { SessionStore } from '../../core/fork/sessionStore.ts';
import type { SessionSearch } from '../../core/search/sessionSearch.ts';
import { Reader, type ReaderOptions } from './reader.ts';
import { createRemoteSessions } from './remoteSessions.ts';

/** Sessions and search over them, read in a thread of its own that starts with the first call. */
export function createReader(options: ReaderOptions): {
  sessions: SessionStore;
  search: SessionSearch;
  /** Ends the thread. */
  dispose(): void;
} {
  const reader = new Reader(options);
  return {
    sessions: createRemoteSessions(reader, options.folders, options.log),
    search: {
      search: (query, { signal } = {}) => reader.iterate('search', [query], signal),
      updateIndex: () => reader.iterate('updateIndex', []),
    },
    dispose: () => reader.dispose(),
  };
}
