import type { SessionStore } from '../../core/fork/sessionStore.ts';
import { archiveIn, claudeDirsOf, homeOf, indexIn } from '../dataFolders.ts';
import { completeSessions } from '../sessionFacts/completeSessions.ts';
import { createSessionStore } from '../sessions/createSessionStore.ts';
import { sha256 } from '../sha256.ts';

/** What is read. Absolute paths, existing or not. */
export interface ReadingFolders {
  /** Claude Code's config folders. */
  claudeDirs: readonly string[];
  /** Our data folder, with kept sessions and the index. */
  home: string;
}

/**
 * The recorded sessions, kept ones with them, read in this thread.
 * @param folders those that are not given are looked for as `homeOf` and `claudeDirsOf` say
 */
export function createReadingStore(folders: Partial<ReadingFolders> = {}): SessionStore {
  const home = homeOf(folders.home);
  const archive = archiveIn(home);
  const claudeDirs = claudeDirsOf(folders.claudeDirs);
  const store = createSessionStore({ claudeDirs, archive, index: indexIn(home), sha256 });
  return completeSessions(store, { archive, home });
}
