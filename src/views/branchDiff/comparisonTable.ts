import type { ComparedBranch, ComparedPair, Comparison } from '../../core/compare/comparison.ts';
import {
  duration,
  messageWithHint,
  modelName,
  money,
  oneLine,
  plural,
  tokenCount,
  unknownText,
} from '../../core/format.ts';
import type { BranchView, RunView } from '../../core/run/runView.ts';
import { changesText } from '../agentProgress.ts';
import { facts } from '../sessionTree/sessionRows.ts';
import { checksCell, passedShare } from './checksCell.ts';

/** One cell: its text, why it is marked as the best of its column (if it is), and its tooltip. */
export interface Cell {
  text: string;
  best: string | null;
  tooltip: string | null;
}

/** Where a branch leaves the recording; null lines where both are the same. */
export interface DivergenceCell {
  text: string;
  /** 1-based line of the branch's document, null where there is nothing to show. */
  line: number | null;
  tooltip: string;
}

export interface ComparisonRow {
  /** `recorded`, or the branch's id. */
  id: string;
  name: string;
  cells: Cell[];
  divergence: DivergenceCell | null;
  error: string | null;
}

/** The comparison of a run as it is drawn. All texts are plain and untrusted. */
export interface ComparisonTable {
  title: string;
  summary: string;
  columns: { title: string; tooltip: string; numeric: boolean }[];
  rows: ComparisonRow[];
  /** What is missing of the states that branches are compared with. */
  problems: string[];
}

/** A side of the comparison with its pair against the recording and its branch, both null for the recording itself. */
interface Side {
  side: ComparedBranch;
  pair: ComparedPair | null;
  branch: BranchView | null;
  run: RunView;
}

interface Column {
  title: string;
  tooltip: string;
  numeric?: boolean;
  text: (of: Side) => string;
  detail?: (of: Side) => string;
  /** Where one value of the column is best: the number to compare, and what the best is called. */
  best?: { value: (of: Side) => number | null; smallest: boolean; word: string };
}

const sharedColumns: Column[] = [
  {
    title: 'Model',
    tooltip: 'Model that answered',
    text: ({ side }) => modelName(side.model),
    detail: ({ side }) => side.model ?? unknownText,
  },
  {
    title: 'Ended',
    tooltip: 'Stop reason of the last reply, or what became of the branch',
    text: ({ side }) => ending(side),
  },
  { title: 'Steps', tooltip: 'Replies', numeric: true, text: ({ side }) => String(side.steps) },
  { title: 'Tools', tooltip: 'Tool calls', numeric: true, text: ({ side }) => String(side.toolCalls) },
  {
    title: 'Read',
    tooltip: 'Input tokens, those from the cache and into it included',
    numeric: true,
    text: ({ side: { usage } }) => tokenCount(usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens),
    detail: ({ side: { usage } }) =>
      `${tokenCount(usage.inputTokens)} read, ${tokenCount(usage.cacheReadTokens)} from cache, ${tokenCount(usage.cacheWriteTokens)} to cache`,
  },
  {
    title: 'Written',
    tooltip: 'Output tokens',
    numeric: true,
    text: ({ side }) => tokenCount(side.usage.outputTokens),
    best: { value: ({ side }) => side.usage.outputTokens || null, smallest: true, word: 'fewest' },
  },
  {
    title: 'Cost',
    tooltip: 'US dollars by the measured tokens; what was recorded is not priced again',
    numeric: true,
    text: ({ side, pair }) => (pair === null && side.costUsd === null ? '–' : money(side.costUsd)),
    best: { value: ({ side }) => side.costUsd, smallest: true, word: 'lowest' },
  },
  {
    title: 'Time',
    tooltip: 'From start to end',
    numeric: true,
    text: ({ side }) => (side.durationMs === null ? unknownText : duration(side.durationMs)),
    best: { value: ({ side }) => side.durationMs, smallest: true, word: 'fastest' },
  },
  {
    title: 'Alike',
    tooltip: 'Share of equal lines in the documents of the branch and of the recording',
    numeric: true,
    text: ({ pair }) => (pair === null ? '–' : `${Math.round(pair.similarity * 100)} %`),
    best: { value: ({ pair }) => pair?.similarity ?? null, smallest: false, word: 'most' },
  },
];

/** What only branches have that really worked. It stands first: beside a diff the table is narrow, and this is what it is for. */
const codeColumns: Column[] = [
  {
    title: 'Files',
    tooltip: 'Changed since the fork point: lines added and removed',
    text: ({ branch }) => (branch?.changeSet ? changesText(branch.files) : '–'),
    detail: ({ branch }) => branch?.files.map(({ path }) => path).join(', ') || 'not known',
  },
  {
    title: 'Checks',
    tooltip: 'Of the fork point, of the recorded end and of the branch with its repeats; with a 95 % Wilson interval',
    text: ({ branch, run }) => checksCell(branch, run).text,
    detail: ({ branch, run }) => checksCell(branch, run).detail,
    best: { value: ({ branch }) => branch && passedShare(branch), smallest: false, word: 'most pass' },
  },
];

/** The comparison of a run as a table: one row a branch, the recording first, the best value of a column marked in words. */
export function comparisonTable(run: RunView, comparison: Comparison): ComparisonTable {
  const { baseline, branches, pairs, baselineProblems } = comparison;
  const sides: Side[] = [
    { side: baseline, pair: null, branch: null, run },
    ...branches.map((side) => ({
      side,
      pair: pairs.find(({ b }) => b === side.id) ?? null,
      branch: run.branches.find(({ branchId }) => branchId === side.id) ?? null,
      run,
    })),
  ];
  const columns = run.executor === 'claude-code' ? [...codeColumns, ...sharedColumns] : sharedColumns;
  const best = columns.map((column) => bestOf(column, sides));
  return {
    title: oneLine(run.title, 100) || 'Prompt without text',
    summary: summary(run),
    columns: columns.map(({ title, tooltip, numeric }) => ({ title, tooltip, numeric: numeric ?? false })),
    rows: sides.map((of) => ({
      id: of.side.id,
      name: oneLine(of.side.name, 80),
      cells: columns.map((column, index) => ({
        text: oneLine(column.text(of)),
        best: best[index] === of ? (column.best?.word ?? null) : null,
        tooltip: column.detail === undefined ? null : oneLine(column.detail(of), 600),
      })),
      divergence: of.pair === null ? null : divergence(of.pair),
      error: errorOf(run, of.side.id),
    })),
    problems: baselineProblems.map((problem) => oneLine(problem, 400)),
  };
}

/** The stop reason of a branch that came to an end, else what became of it. */
function ending({ state, stopReason }: ComparedBranch): string {
  return state === 'completed' || state === 'recorded' ? (stopReason ?? unknownText) : state;
}

/** The one branch that is best in this column; null where several are equal or fewer than two are known. */
function bestOf({ best }: Column, sides: readonly Side[]): Side | null {
  if (best === undefined) return null;
  const known = sides
    .filter(({ side }) => side.state === 'completed')
    .flatMap((of) => {
      const value = best.value(of);
      return value === null ? [] : [{ of, value: best.smallest ? value : -value }];
    })
    .sort((a, b) => a.value - b.value);
  const [first, second] = known;
  return first !== undefined && second !== undefined && first.value < second.value ? first.of : null;
}

function summary(run: RunView): string {
  const missing = run.missing.length > 0 ? `reconstructed, without ${run.missing.join(', ')}` : 'reconstructed';
  return facts(
    `${run.kind === 'replay' ? 'Replay' : 'Fork'} of “${oneLine(run.session.title, 60)}” ${oneLine(run.point.label, 80)}`,
    plural(run.branches.length, 'branch', 'branches'),
    run.fidelity === 'exact' ? 'exact' : oneLine(missing),
    run.provider === 'demo' && 'answered by the offline demo model',
  );
}

function divergence({ firstDivergence, toolDiff }: ComparedPair): DivergenceCell {
  if (firstDivergence === null)
    return { text: 'the same as recorded', line: null, tooltip: 'Both documents are equal.' };
  const { step, lineB, summary: differs } = firstDivergence;
  const lines = [
    oneLine(differs, 300),
    ...(toolDiff.onlyB.length > 0 ? [`Calls only here: ${oneLine(toolDiff.onlyB.join(', '), 300)}`] : []),
    ...(toolDiff.onlyA.length > 0 ? [`Calls only recorded: ${oneLine(toolDiff.onlyA.join(', '), 300)}`] : []),
  ];
  return { text: `step ${step}, line ${lineB}`, line: lineB, tooltip: lines.join('\n') };
}

function errorOf(run: RunView, id: string): string | null {
  const error = run.branches.find(({ branchId }) => branchId === id)?.error;
  return error ? oneLine(messageWithHint(error), 400) : null;
}
