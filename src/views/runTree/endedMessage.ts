import { messageWithHint, oneLine, plural } from '../../core/format.ts';
import type { RunView } from '../../core/run/runView.ts';
import { costOfRun } from './runRows.ts';

/** What to say of a run that has ended, and what may be done next. */
export interface EndedMessage {
  text: string;
  warning: boolean;
  /** The API refused the key: another one is the next step. */
  badKey: boolean;
}

/** What is said when a run has ended; null where the person ended it and knows. */
export function endedMessage(run: RunView): EndedMessage | null {
  if (run.state === 'cancelled') return null;
  const failures = run.branches.filter(({ state }) => state === 'failed').map(({ error }) => error);
  const completed = run.branches.filter(({ state }) => state === 'completed').length;
  const title = `“${oneLine(run.title, 60)}”`;
  const all = plural(run.branches.length, 'branch', 'branches');
  if (run.interrupted)
    return { text: `${title} was interrupted after ${completed} of ${all}.`, warning: true, badKey: false };
  const cost = run.provider === 'demo' ? '' : `, ${costOfRun(run)}`;
  if (failures.length === 0) return { text: `${title}: ${all} done${cost}.`, warning: false, badKey: false };
  const messages = new Set(failures.map((error) => error?.message));
  const [only] = failures;
  const cause =
    only && messages.size === 1
      ? ` ${messageWithHint({ message: oneLine(only.message, 200), hint: oneLine(only.hint, 200) })}`
      : '';
  return {
    text: `${title}: ${completed} of ${all} done, ${failures.length} failed${cost}.${cause}`,
    warning: true,
    badKey: failures.every((error) => error?.code === 'authentication'),
  };
}
