import type { SessionStore } from '../../core/fork/sessionStore.ts';
import type { SessionSearch } from '../../core/search/sessionSearch.ts';
import { archiveIn, homeOf, indexIn } from '../dataFolders.ts';
import { createSessionSearch } from '../search/createSessionSearch.ts';

/**
 * Search over the sessions of a store, in this thread.
 * @param given our data folder; one that is not given is looked for as `homeOf` says
 */
export function createReadingSearch(sessions: SessionStore, given?: string): SessionSearch {
  const home = homeOf(given);
  return createSessionSearch(sessions, { index: indexIn(home), archive: archiveIn(home) });
}
