import { basename, dirname, join } from 'node:path';
import { linkChain } from '../../core/session/messageChain.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { sessionIdOf } from './projectFiles.ts';
import { customTitleOf } from './sessionFiles.ts';
import { TranscriptScan } from './transcriptScan.ts';

/** Problems that only show when the records are linked, which a summary needs for nothing else. */
function linkProblems(file: string): number {
  const scan = new TranscriptScan(file);
  scan.update();
  const count = linkChain(scan.transcript.entries.filter((entry) => !entry.isSidechain)).problems.length;
  scan.close();
  return count;
}

/**
 * Summary of a transcript, which is not kept. It says what opening the session says.
 * @param scan of that file, without entries, that has read what was there before: then only what was added is read
 * @returns null where the file holds nothing to list: no message and no damage
 * @throws the file system's error where the file can't be read
 */
export function summarizeTranscript(
  file: string,
  scan = new TranscriptScan(file, { keepsEntries: false }),
): SessionSummary | null {
  scan.update();
  const { summary, hasLooseParents, problems: found } = scan.transcript;
  const problems = found.length + (hasLooseParents ? linkProblems(file) : 0);
  if (summary.isEmpty && problems === 0) return null;
  const { bytes = 0, modifiedAt = 0 } = scan.state ?? {};
  const sessionId = sessionIdOf(basename(file)) ?? basename(file, '.jsonl');
  return summary.build({
    sessionId,
    file,
    bytes,
    problems,
    // As `Stats.mtime` is, which a kept copy gets.
    modifiedAt: new Date(Math.round(modifiedAt)).toISOString(),
    customTitle: customTitleOf(join(dirname(file), sessionId)),
  });
}
