import { aboutToBeLost, daysUntilLost, goesText } from '../../core/archive/retention.ts';
import { byteSize, oneLine, plural, relativeTime } from '../../core/format.ts';
import { messageSafe } from '../../core/plainText.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';

/** What stands above the tree while sessions are about to be deleted; null where none is. */
export function expiringMessage(summaries: readonly SessionSummary[], now: number): string | null {
  const days = aboutToBeLost(summaries, now).map((summary) => daysUntilLost(summary, now) ?? 0);
  if (days.length === 0) return null;
  const last = Math.max(...days);
  const when = last === 0 ? 'today' : last === 1 ? 'by tomorrow' : `within ${last} days`;
  return `Claude Code deletes ${plural(days.length, 'session')} ${when}. The archive button keeps ${days.length === 1 ? 'it' : 'them'}.`;
}

/** Sessions that can be kept: those about to be deleted first. */
export function keepChoices(
  summaries: readonly SessionSummary[],
  now: number,
): { file: string; label: string; description: string; detail: string }[] {
  return summaries
    .filter(({ kept }) => !kept)
    .map((summary) => ({ summary, days: daysUntilLost(summary, now) }))
    .sort((a, b) => (a.days ?? Number.POSITIVE_INFINITY) - (b.days ?? Number.POSITIVE_INFINITY) || 0)
    .map(({ summary, days }) => ({
      file: summary.file,
      label: summary.title,
      description: [
        relativeTime(summary.lastAt, now),
        plural(summary.turns, 'turn'),
        days === null ? '' : goesText(days),
      ]
        .filter(Boolean)
        .join(' · '),
      detail: summary.projectPath ?? 'unknown folder',
    }));
}

/** What was done. @param title of the session where it was only one */
export function keptMessage(done: { sessions: number; files: number; bytes: number }, title: string | null): string {
  const what = title === null ? plural(done.sessions, 'session') : `“${oneLine(title, 40)}”`;
  const verb = title === null && done.sessions !== 1 ? 'are' : 'is';
  if (done.files === 0) return `${what} ${verb} kept already`;
  return `${what} ${verb} kept: ${plural(done.files, 'file')} copied, ${byteSize(done.bytes)} in all`;
}

/** The question before a copy is deleted. */
export function forgetQuestion(
  summary: SessionSummary,
  now: number,
): { message: string; detail: string; action: string } {
  const name = `“${messageSafe(oneLine(summary.title, 60))}”`;
  if (summary.archived) {
    return {
      message: `Delete the last copy of ${name}?`,
      detail: 'The original is gone. What is deleted here can’t be brought back.',
      action: 'Delete',
    };
  }
  const days = daysUntilLost({ ...summary, kept: false }, now);
  return {
    message: `Remove the copy of ${name} from the archive?`,
    detail: `The original stays${days === null ? '' : `, but it ${goesText(days)}: Claude Code deletes old sessions`}.`,
    action: 'Remove Copy',
  };
}
