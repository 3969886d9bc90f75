import type { ChangedFile, CheckResult } from '../core/agent/agentFacts.ts';
import type { ComparedPair, Comparison } from '../core/compare/comparison.ts';
import { duration, modelName, money, oneLine, plural, tokenCount } from '../core/format.ts';
import { plainText } from '../core/plainText.ts';
import { nameOf } from '../core/run/nameOf.ts';
import type { BranchView, RunView } from '../core/run/runView.ts';
import { changesText, checksFailed } from './agentReport.ts';
import { cliHint } from './cliHint.ts';
import { table } from './table.ts';
import type { Terminal } from './terminal.ts';

/** A run as `--json` prints it: the whole view, without references into the blob store. */
export function runJson(view: RunView) {
  const { checks, branches, schedule, ...run } = view;
  return {
    ...run,
    schedule: schedule && { name: schedule.name, previous: schedule.previous, changes: schedule.changes },
    checks: {
      forkPoint: checks.forkPoint.map(checkJson),
      recorded: checks.recorded.map(checkJson),
      problems: checks.problems,
    },
    branches: branches.map(({ results: _replies, toolResults: _results, changeSet: _changes, ...branch }) => ({
      ...branch,
      checks: branch.checks.map(checkJson),
      setup: branch.setup.map(checkJson),
    })),
  };
}

function checkJson({ output: _reference, ...check }: CheckResult) {
  return check;
}

/** The exit code of a run: 1 where a branch or one of its checks failed. */
export function exitCodeOf(view: RunView, interrupted: boolean): number {
  if (interrupted) return 130;
  if (view.state === 'completed') return view.branches.some(checksFailed) ? 1 : 0;
  const outOfReach = view.branches.every(({ error }) => error?.code === 'unreachable');
  return outOfReach ? 4 : 1;
}

/** The branches of a run as a table. */
export function runTable(view: RunView, colors: Terminal['colors']): string {
  const rows = view.branches.map((branch) => [
    oneLine(nameOf(branch), 32),
    stateText(branch, colors),
    modelName(branch.model),
    oneLine(endOf(branch), 24),
    String(branch.steps),
    tokenCount(branch.usage.inputTokens + branch.usage.cacheReadTokens + branch.usage.cacheWriteTokens),
    tokenCount(branch.usage.outputTokens),
    view.provider === 'demo'
      ? 'free'
      : branch.cached
        ? 'cached'
        : branch.billing === 'unknown'
          ? `${money(branch.costUsd)} + ?`
          : money(branch.costUsd),
    timeOf(branch),
  ]);
  const head = ['BRANCH', 'STATE', 'MODEL', 'ENDS', 'STEPS', 'IN', 'OUT', 'COST', 'TIME'];
  return table(head, rows, ['STEPS', 'IN', 'OUT', 'COST', 'TIME']);
}

/** What went wrong, a line for each branch that failed. */
export function failureLines(view: RunView): string[] {
  return view.branches.flatMap((branch) =>
    branch.error === null
      ? []
      : [
          `${oneLine(nameOf(branch), 40)}: ${plainText(branch.error.message)}`,
          `  ${plainText(cliHint(branch.error.hint, { runId: view.runId, branchId: branch.branchId }))}`,
        ],
  );
}

/** Why it ended: of a failure what it is called, for the last reply's stop reason says nothing of it. */
function endOf({ state, stopReason, error }: BranchView): string {
  return (state === 'failed' ? (error?.code ?? stopReason) : (stopReason ?? error?.code)) ?? '';
}

function stateText({ state, retryingInMs, waitingFor }: BranchView, colors: Terminal['colors']): string {
  if (waitingFor !== null) return colors.yellow(waitingFor === 'answer' ? 'asks' : 'waiting');
  if (retryingInMs !== null) return colors.yellow('waiting');
  if (state === 'completed') return colors.green(state);
  if (state === 'failed') return colors.red(state);
  return state === 'cancelled' ? colors.yellow(state) : state;
}

function timeOf({ startedAt, endedAt }: BranchView): string {
  if (startedAt === null || endedAt === null) return '';
  return duration(Date.parse(endedAt) - Date.parse(startedAt));
}

/** How the branches differ from what they are compared with, a paragraph for each pair; what isn't known stands before them. */
export function comparisonText(
  comparison: Comparison,
  colors: Terminal['colors'],
  options: { maxLines: number; more: string },
): string {
  const names = new Map([comparison.baseline, ...comparison.branches].map(({ id, name }) => [id, name]));
  const problems = comparison.baselineProblems.map((problem) => colors.yellow(oneLine(problem, 400)));
  return [
    ...(problems.length === 0 ? [] : [problems.join('\n')]),
    ...comparison.pairs.map((pair) => pairText(pair, names, colors, options)),
  ].join('\n\n');
}

function pairText(
  pair: ComparedPair,
  names: ReadonlyMap<string, string>,
  colors: Terminal['colors'],
  { maxLines, more }: { maxLines: number; more: string },
): string {
  const title = `${names.get(pair.a) ?? pair.a} ↔ ${names.get(pair.b) ?? pair.b}`;
  const alike = `${Math.round(pair.similarity * 100)} % alike`;
  const first = pair.firstDivergence;
  const where =
    first === null
      ? 'no difference'
      : `first differs in step ${first.step} (${first.kind}): ${oneLine(first.summary, 100)}`;
  const lines = (pair.textDiff ?? '').split('\n').slice(2);
  // A cut that hides next to nothing only sends the reader away.
  const count = lines.length > maxLines + 8 ? maxLines : lines.length;
  const shown = lines.slice(0, count).map((line) => diffLine(plainText(line), colors));
  const rest = lines.length > count ? [colors.dim(`… ${lines.length - count} more lines: ${more}`)] : [];
  const body = pair.textDiff === null ? [colors.dim('Too different to show as a diff.')] : [...shown, ...rest];
  const files = filesLines(pair);
  return [colors.bold(`${plainText(title)} · ${alike} · ${where}`), ...files, ...body].join('\n').trimEnd();
}

const shownFiles = 20;

/** The files in which two sides differ, where both are known. */
function filesLines({ filesDiff }: ComparedPair): string[] {
  if (filesDiff === null) return [];
  const { files } = filesDiff;
  if (files.length === 0) return ['Same files.'];
  const rest = files.length - shownFiles;
  return [
    `Files differ: ${changesText(files)}`,
    ...files.slice(0, shownFiles).map((file) => `  ${file.status.padEnd(8)} ${changedFileText(file)}`),
    ...(rest > 0 ? [`  … ${plural(rest, 'file')} more`] : []),
  ];
}

/** `src/a.ts +2 −1` */
function changedFileText({ path, from, added, removed, binary }: ChangedFile): string {
  const name = from === undefined ? oneLine(path, 200) : `${oneLine(from, 200)} → ${oneLine(path, 200)}`;
  return `${name} ${binary ? 'binary' : `+${added} −${removed}`}`;
}

/** A line of a diff in its colour. */
export function diffLine(line: string, colors: Terminal['colors']): string {
  if (line.startsWith('@@')) return colors.cyan(line);
  if (line.startsWith('+')) return colors.green(line);
  return line.startsWith('-') ? colors.red(line) : line;
}
