import { basename } from 'node:path';
import { linkChain } from '../../core/session/messageChain.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { customTitleOf } from '../claudeCode/customTitle.ts';
import { sessionIdOf } from '../claudeCode/layout.ts';
import { modifiedTime, noStamp } from '../fileStamp.ts';
import { TranscriptScan } from './transcriptScan.ts';

/** The scan with the records that are linked, by the one without: it goes on with that one when the file has grown. */
const linked = new WeakMap<TranscriptScan, TranscriptScan>();

/** Problems that only show when the records are linked, which a summary needs for nothing else. */
function linkProblems(scan: TranscriptScan): number {
  const whole = linked.get(scan) ?? new TranscriptScan(scan.file);
  linked.set(scan, whole);
  whole.update();
  const { problems } = linkChain(whole.transcript.entries.filter((entry) => !entry.isSidechain));
  whole.close();
  return problems.length;
}

/**
 * Summary of a transcript, which is not kept. It says what opening the session says.
 * @param scan of that file, without entries, that has read what was there before: then only what was added is read
 * @returns null where the file holds nothing to list: no message and no damage; without messages and times where it names
 * other sessions
 * @throws the file system's error where the file can't be read
 */
export function summarizeTranscript(
  file: string,
  scan = new TranscriptScan(file, { once: true }),
): SessionSummary | null {
  scan.update();
  const { summary, hasLooseParents, problems: found } = scan.transcript;
  const problems = found.length + (hasLooseParents ? linkProblems(scan) : 0);
  const isEmpty = summary.isEmpty && problems === 0;
  const state = scan.state ?? noStamp;
  const sessionId = sessionIdOf(basename(file)) ?? basename(file, '.jsonl');
  const built = summary.build({
    sessionId,
    file,
    bytes: state.bytes,
    problems,
    modifiedAt: modifiedTime(state),
    customTitle: customTitleOf(file),
  });
  if (!isEmpty) return built;
  return built.foreignTitles.length === 0 ? null : { ...built, turns: 0, firstAt: null, lastAt: null };
}
