import type { FileSources } from '../../core/files/resolveFile.ts';
import type { StartState } from '../../core/files/startState.ts';
import { checkpointFiles } from './checkpointFiles.ts';
import { committedFiles } from './committedFiles.ts';

/**
 * Where the contents of a session's files come from. Reads only.
 * @param session `file`: absolute path of the transcript; `folder`: where it ran
 * @param options `git`: false starts no process, for a workspace that is not trusted
 */
export function createFileSources(
  session: { file: string; sessionIds: readonly string[]; folder: string | null; start: StartState },
  options: { git: boolean },
): FileSources {
  return {
    checkpoint: checkpointFiles(session.file, session.sessionIds),
    committed: options.git
      ? committedFiles(session.folder, session.start)
      : () => Promise.resolve({ unknown: 'git is not asked in a workspace that is not trusted.' }),
  };
}
