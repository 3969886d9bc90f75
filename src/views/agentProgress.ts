import type { ChangedFile, CheckResult } from '../core/agent/agentFacts.ts';
import { describeQuestion } from '../core/agent/describeQuestion.ts';
import { duration, oneLine, plural } from '../core/format.ts';
import type { BranchView } from '../core/run/runView.ts';
import { describeCall } from './sessionTree/describeCalls.ts';

/** Tools that write files, with the member of their input that names one. */
const writers: Readonly<Record<string, string>> = {
  Edit: 'file_path',
  MultiEdit: 'file_path',
  Write: 'file_path',
  NotebookEdit: 'notebook_path',
};

/**
 * What an agent does at the moment: `edits src/slugify.ts`, `asks: npm install left-pad`, `waits until 15:00 (usage limit)`.
 * @param now milliseconds since the epoch
 */
export function agentActivity(branch: BranchView, now: number): string {
  if (branch.state === 'pending') return 'queued';
  if (branch.waitingFor !== null) return waitingText(branch, now);
  if (branch.place === null) return 'prepares its place';
  if (branch.changeSet !== null) return 'runs its checks';
  if (branch.attempts === 0) return 'sets up';
  const call = branch.toolCalls.findLast(({ id }) => branch.toolResults[id] === undefined);
  if (call !== undefined) return describeCall(call, branch.place.path);
  return branch.unfinishedText === '' ? 'thinks' : 'writes';
}

function waitingText({ waitingFor, until, questions, retryingInMs }: BranchView, now: number): string {
  if (waitingFor === 'answer') {
    const [first] = questions;
    const more = questions.length > 1 ? ` (${questions.length - 1} more)` : '';
    return `asks: ${first === undefined ? 'a question' : oneLine(describeQuestion(first), 80)}${more}`;
  }
  if (waitingFor === 'limit') {
    return until === null ? 'waits for the usage limit' : `waits until ${clockTime(until, now)} (usage limit)`;
  }
  return retryingInMs === null ? 'asks again' : `asks again in ${duration(retryingInMs)}`;
}

/** `15:00`, on another day `12-01 15:00`: the person's own time. */
export function clockTime(iso: string, now: number): string {
  const [then, today] = [new Date(iso), new Date(now)];
  const two = (value: number) => String(value).padStart(2, '0');
  const time = `${two(then.getHours())}:${two(then.getMinutes())}`;
  return then.toDateString() === today.toDateString()
    ? time
    : `${two(then.getMonth() + 1)}-${two(then.getDate())} ${time}`;
}

/** Files that the agent's own tools have written to so far. */
export function filesWritten({ toolCalls }: Pick<BranchView, 'toolCalls'>): number {
  const paths = toolCalls.flatMap(({ name, input }) => {
    const field = writers[name];
    const path = field !== undefined && input !== null && typeof input === 'object' ? Reflect.get(input, field) : null;
    return typeof path === 'string' ? [path] : [];
  });
  return new Set(paths).size;
}

/** `+12 −3 in 2 files`. */
export function changesText(files: readonly ChangedFile[]): string {
  if (files.length === 0) return 'no files changed';
  const sum = (of: 'added' | 'removed') => files.reduce((total, file) => total + file[of], 0);
  return `+${sum('added')} −${sum('removed')} in ${plural(files.length, 'file')}`;
}

/** `tests pass`, `npm test fails`, `2 of 3 checks pass`; '' where there are none. */
export function checksText(checks: readonly CheckResult[]): string {
  const [only] = checks;
  if (only === undefined) return '';
  if (checks.length === 1) {
    const name = oneLine(only.name, 40);
    // A plural such as "tests" takes the verb without an s.
    const many = /^\w+s$/.test(name);
    return `${name} ${only.passed ? 'pass' : 'fail'}${many ? '' : only.passed ? 'es' : 's'}`;
  }
  const passed = checks.filter((check) => check.passed).length;
  return passed === checks.length ? 'all checks pass' : `${passed} of ${checks.length} checks pass`;
}
