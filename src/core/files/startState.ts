import { recordField, textField } from '../session/jsonRecord.ts';
import type { TranscriptEntry } from '../session/transcriptEntry.ts';
import { absolutePath } from './filePaths.ts';

/** What the recording tells of the project when the session began. */
export interface StartState {
  /** Commit that was checked out, as far as its id was recorded (abbreviated). */
  commit: string | null;
  branch: string | null;
  /** ISO 8601 time of the first record that has one. */
  at: string | null;
  /** Absolute paths (folders included) that differed from the commit; null where that was not recorded as a whole. */
  changed: ReadonlySet<string> | null;
}

const branchName = /^(?!-)[\w./@+-]{1,250}$/;

function gitStatusOf(entries: readonly TranscriptEntry[]): string | null {
  for (const entry of entries) {
    if (entry.type !== 'attachment' || entry.facts.subtype !== 'session_context') continue;
    const status = textField(recordField(recordField(entry.record, 'attachment'), 'context'), 'gitStatus');
    if (status !== null) return status;
  }
  return null;
}

/** Paths of `git status --short`; null where the list was cut, or holds a name that git had to quote. */
function changedPaths(status: string, folder: string | null): Set<string> | null {
  const paths = new Set<string>();
  if (status.trim() === '(clean)') return paths;
  for (const line of status.split('\n')) {
    if (line === '') continue;
    if (!/^[ MTADRCU?!]{2} ./.test(line) || line.includes('"')) return null;
    for (const name of line.slice(3).split(' -> ')) {
      const path = absolutePath(folder, name);
      if (path !== null) paths.add(path);
    }
  }
  return paths;
}

/**
 * Reads what the session's beginning says of the repository.
 * @param folder the session's folder, absolute: git names changed files relative to it
 */
export function startState(entries: readonly TranscriptEntry[], folder: string | null): StartState {
  const first = entries.find((entry) => entry.uuid !== null && entry.timestamp !== null);
  const branch = textField(first?.record, 'gitBranch');
  const context = gitStatusOf(entries);
  const status =
    context === null ? undefined : /(?:^|\n)Status:\n([\s\S]*?)(?:\n\nRecent commits:|$)/.exec(context)?.[1];
  return {
    commit: context === null ? null : (/(?:^|\n)Recent commits:\n([0-9a-f]{7,64})\b/.exec(context)?.[1] ?? null),
    branch: branch !== null && branchName.test(branch) && !branch.includes('..') ? branch : null,
    at: first?.timestamp ?? null,
    changed: status === undefined ? null : changedPaths(status, folder),
  };
}
