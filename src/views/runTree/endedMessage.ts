import { messageWithHint, oneLine, plural } from '../../core/format.ts';
import { describeRunChanges } from '../../core/run/runChanges.ts';
import type { RunView } from '../../core/run/runView.ts';
import { changesText } from '../agentProgress.ts';
import { checksFact } from './agentWords.ts';
import { asksAPerson, isUnderWay } from './runNodes.ts';
import { costOfRun, waitsForYou } from './runRows.ts';

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
  const by = run.schedule === null ? '' : `${run.schedule.name}: `;
  const title = `${by}“${oneLine(run.title, 60)}”`;
  const all = plural(run.branches.length, 'branch', 'branches');
  if (run.interrupted)
    return { text: `${title} was interrupted after ${completed} of ${all}.`, warning: true, badKey: false };
  const cost = `${codeFacts(run)}${run.provider === 'demo' ? '' : `, ${costOfRun(run)}`}`;
  const since = sinceText(run);
  if (failures.length === 0) return { text: `${title}: ${all} done${cost}.${since}`, warning: false, badKey: false };
  const messages = new Set(failures.map((error) => error?.message));
  const [only] = failures;
  const cause =
    only && messages.size === 1
      ? ` ${messageWithHint({ message: oneLine(only.message, 200), hint: oneLine(only.hint, 200) })}`
      : '';
  return {
    text: `${title}: ${completed} of ${all} done, ${failures.length} failed${cost}.${cause}${since}`,
    warning: true,
    badKey: failures.every((error) => error?.code === 'authentication'),
  };
}

/** What a schedule's run changed: ` Since the run before: tests fails now.` */
function sinceText({ schedule }: RunView): string {
  const changes = schedule?.changes ?? null;
  return changes === null ? '' : ` Since the run before: ${describeRunChanges(changes)}.`;
}

/** What agents made: `, +12 −3 in 2 files, tests pass`; of several branches only what the checks say. */
function codeFacts({ executor, branches }: RunView): string {
  if (executor !== 'claude-code') return '';
  const completed = branches.filter(({ state }) => state === 'completed');
  const [only] = completed;
  const facts = [
    only !== undefined && completed.length === 1 && only.changeSet !== null ? changesText(only.files) : '',
    checksFact(completed),
  ];
  return facts.map((fact) => (fact === '' ? '' : `, ${fact}`)).join('');
}

/**
 * What is said when all agents of a run are done but those that wait for a person: `2 of 3 done, 1 waits for you`. Null where
 * that has not just come to be.
 */
export function waitingMessage(before: RunView | null, after: RunView): string | null {
  if (before === null || isStuck(before) || !isStuck(after)) return null;
  const done = after.branches.filter(({ state }) => !isUnderWay(state)).length;
  if (done === 0) return null;
  return `“${oneLine(after.title, 60)}”: ${done} of ${after.branches.length} done, ${waitsForYou(after.branches)}.`;
}

function isStuck({ state, branches }: RunView): boolean {
  const live = branches.filter((branch) => isUnderWay(branch.state));
  return isUnderWay(state) && live.length > 0 && live.every(asksAPerson);
}
