import type { PairedRuns } from '../core/compare/compareRuns.ts';
import type { Comparison } from '../core/compare/comparison.ts';
import { modelName, money, oneLine } from '../core/format.ts';
import { plainText } from '../core/plainText.ts';
import { nameOf } from '../core/run/nameOf.ts';
import { describeRunChanges } from '../core/run/runChanges.ts';
import type { BranchView, RunView } from '../core/run/runView.ts';
import { changesText, detailLines } from './agentReport.ts';

/** Name of a branch's text file: its id, which is unique, and its name as far as every file system takes it. */
export function fileNameOf(branch: BranchView): string {
  const name = nameOf(branch)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 40);
  return name === '' ? `${branch.branchId}.txt` : `${branch.branchId}-${name}.txt`;
}

/** A run as a Markdown document: a table of the branches, then each one's text and its difference from the recording. */
export function exportMarkdown(view: RunView, comparison: Comparison): string {
  const details = detailLines(view);
  const missing = view.missing.length === 0 ? '' : ` (missing: ${view.missing.join(', ')})`;
  return [
    `# ${cell(view.title)}`,
    '',
    `Run \`${view.runId}\` of ${view.createdAt}, ${view.kind} ${cell(view.point.label)} of “${cell(view.session.title)}”.`,
    `Engine ${view.engine}, fidelity ${view.fidelity}${missing}, state ${view.state}.`,
    '',
    comparisonMarkdown(comparison),
    '',
    ...(details.length === 0 ? [] : [...details.map((line) => `- ${cell(line)}`), '']),
    ...view.branches.flatMap((branch) => branchSection(branch, comparison)),
  ].join('\n');
}

/** The comparison as a Markdown table, one row a side, and what isn't known of its baselines. */
export function comparisonMarkdown(comparison: Comparison): string {
  const pairs = new Map(comparison.pairs.map((pair) => [pair.b, pair]));
  const hasFiles = comparison.pairs.some(({ filesDiff }) => filesDiff !== null);
  const rows = [comparison.baseline, ...comparison.branches].map((side) => {
    const pair = pairs.get(side.id);
    return [
      side.name,
      side.model === null ? 'unknown' : modelName(side.model),
      side.state,
      side.stopReason ?? '',
      String(side.steps),
      String(side.toolCalls),
      String(side.usage.outputTokens),
      money(side.costUsd),
      pair === undefined ? '' : `${Math.round(pair.similarity * 100)} %`,
      pair?.firstDivergence?.summary ?? '',
      ...(hasFiles ? [pair?.filesDiff == null ? '' : changesText(pair.filesDiff.files)] : []),
    ];
  });
  const head = [
    'Branch',
    'Model',
    'State',
    'Ends',
    'Steps',
    'Tool calls',
    'Output tokens',
    'Cost',
    'Alike',
    'First difference',
    ...(hasFiles ? ['Files that differ'] : []),
  ];
  const lines = [head, head.map(() => '---'), ...rows.map((row) => row.map(cell))].map(
    (row) => `| ${row.join(' | ')} |`,
  );
  const problems = comparison.baselineProblems.map((problem) => `- ${cell(problem)}`);
  return [...lines, ...(problems.length === 0 ? [] : ['', ...problems])].join('\n');
}

/** What changed since the run before of a schedule, with the texts' differences. */
export function previousMarkdown({ changes, pairs }: PairedRuns): string {
  const diffs = pairs.flatMap(({ textDiff }) => (textDiff === null || textDiff === '' ? [] : [textDiff]));
  return [
    `Since \`${changes.previous}\`: ${escaped(describeRunChanges(changes))}.`,
    ...diffs.flatMap((diff) => ['', ...fenced(diff, 'diff')]),
  ].join('\n');
}

function branchSection(branch: BranchView, comparison: Comparison): string[] {
  const diff = comparison.pairs.find(({ b }) => b === branch.branchId)?.textDiff ?? null;
  return [
    `## ${cell(nameOf(branch))}`,
    '',
    ...(branch.error === null ? [] : [`Failed: ${cell(branch.error.message)}`, '']),
    ...fenced(branch.text, 'text'),
    '',
    ...(diff === null || diff === '' ? [] : [...fenced(diff, 'diff'), '']),
  ];
}

/** Text in a fence that is longer than any in it, so that nothing in it is taken for Markdown. */
function fenced(text: string, language: string): string[] {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return [`${fence}${language}`, plainText(text).trimEnd(), fence];
}

/** One line without anything that means something to Markdown. */
function cell(text: string): string {
  return escaped(oneLine(text, 200));
}

function escaped(line: string): string {
  return line.replace(/[\\`*_[\]<>|#!]/g, '\\$&');
}
