import type { ComparedPair, Comparison } from '../core/compare/comparison.ts';
import { duration, modelName, money, oneLine, tokenCount } from '../core/format.ts';
import { plainText } from '../core/plainText.ts';
import type { BranchView, RunView } from '../core/run/runView.ts';
import { table } from './table.ts';
import type { Terminal } from './terminal.ts';

/** A run as `--json` prints it: the whole view, without references into the blob store. */
export function runJson(view: RunView) {
  return { ...view, branches: view.branches.map(({ results: _references, ...branch }) => branch) };
}

/** The exit code that a run's end stands for. */
export function exitCodeOf(view: RunView, interrupted: boolean): number {
  if (interrupted) return 130;
  if (view.state === 'completed') return 0;
  const outOfReach = view.branches.every(({ error }) => error?.code === 'unreachable');
  return outOfReach ? 4 : 1;
}

/** The branches of a run as a table. */
export function runTable(view: RunView, colors: Terminal['colors']): string {
  const rows = view.branches.map((branch) => [
    oneLine(nameOf(branch), 32),
    stateText(branch, colors),
    modelName(branch.model),
    oneLine(branch.stopReason ?? branch.error?.code ?? '', 24),
    String(branch.steps),
    tokenCount(branch.usage.inputTokens + branch.usage.cacheReadTokens + branch.usage.cacheWriteTokens),
    tokenCount(branch.usage.outputTokens),
    view.provider === 'demo'
      ? 'free'
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
      : [`${oneLine(nameOf(branch), 40)}: ${plainText(branch.error.message)}`, `  ${plainText(branch.error.hint)}`],
  );
}

export function nameOf(branch: Pick<BranchView, 'name' | 'repeat' | 'repeats'>): string {
  return branch.repeats > 1 ? `${branch.name} #${branch.repeat}` : branch.name;
}

function stateText({ state, retryingInMs }: BranchView, colors: Terminal['colors']): string {
  if (retryingInMs !== null) return colors.yellow('waiting');
  if (state === 'completed') return colors.green(state);
  if (state === 'failed') return colors.red(state);
  return state === 'cancelled' ? colors.yellow(state) : state;
}

function timeOf({ startedAt, endedAt }: BranchView): string {
  if (startedAt === null || endedAt === null) return '';
  return duration(Date.parse(endedAt) - Date.parse(startedAt));
}

/** How the branches differ from what they are compared with, a paragraph for each pair. */
export function comparisonText(
  comparison: Comparison,
  colors: Terminal['colors'],
  options: { maxLines: number; more: string },
): string {
  const names = new Map([comparison.baseline, ...comparison.branches].map(({ id, name }) => [id, name]));
  return comparison.pairs.map((pair) => pairText(pair, names, colors, options)).join('\n\n');
}

function pairText(
  pair: ComparedPair,
  names: ReadonlyMap<string, string>,
  colors: Terminal['colors'],
  { maxLines, more }: { maxLines: number; more: string },
): string {
  const title = `${names.get(pair.b) ?? pair.b} ↔ ${names.get(pair.a) ?? pair.a}`;
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
  return [colors.bold(`${plainText(title)} · ${alike} · ${where}`), ...body].join('\n').trimEnd();
}

function diffLine(line: string, colors: Terminal['colors']): string {
  if (line.startsWith('@@')) return colors.cyan(line);
  if (line.startsWith('+')) return colors.green(line);
  return line.startsWith('-') ? colors.red(line) : line;
}
