import type { PairedRuns } from '../../core/compare/compareRuns.ts';
import type { ComparedPair } from '../../core/compare/comparison.ts';
import { NotFoundError } from '../../core/errors.ts';
import type { RunId } from '../../core/ids.ts';
import { plainText } from '../../core/plainText.ts';
import { describeRunChanges } from '../../core/run/runChanges.ts';
import { type CliContext, runIdOf } from '../context.ts';
import { comparisonMarkdown, previousMarkdown } from '../exportRun.ts';
import { printPatch } from '../printPatch.ts';
import { comparisonText } from '../runReport.ts';

/** What changed since the run before, and the texts with their differences. */
function previousText({ changes, pairs }: PairedRuns): string {
  const diffs = pairs.map(({ textDiff }) => plainText(textDiff ?? '').trimEnd()).filter((diff) => diff !== '');
  return [`Since ${changes.previous}: ${describeRunChanges(changes)}.`, ...diffs].join('\n');
}

/** `compare` */
export async function compare(
  context: CliContext,
  given: string,
  a: string | undefined,
  b: string | undefined,
): Promise<number> {
  const { terminal } = context;
  const format =
    (context.options as { format?: 'text' | 'json' | 'markdown' | 'patch' }).format ??
    (terminal.json ? 'json' : 'text');
  const runId = await runIdOf(context, given);
  const { forks } = await context.services();
  const hasCode = (await forks.run(runId)).executor === 'claude-code';
  const comparison = await forks.compare(runId, a, b);
  // Of a schedule's run, unless one pair of it is asked for.
  const previous = a === undefined ? await forks.comparePrevious(runId) : null;
  if (format === 'json') terminal.printJson({ ...comparison, previous });
  else if (format === 'markdown') {
    terminal.print(comparisonMarkdown(comparison));
    if (previous !== null) terminal.print(`\n${previousMarkdown(previous)}`);
  } else if (format === 'patch') {
    const texts = comparison.pairs.map(({ textDiff }) => textDiff ?? '');
    printPatch(context, hasCode ? await codePatch(context, runId, comparison.pairs) : texts.join(''));
  } else {
    const more = `forkpoint compare ${runId} --format ${hasCode ? 'json' : 'patch'}`;
    terminal.print(comparisonText(comparison, terminal.colors, { maxLines: 400, more }));
    if (previous !== null) terminal.print(`\n${previousText(previous)}`);
  }
  return 0;
}

/** Patches of the code, one after another, from the first side of each pair to the second. @throws NotFoundError where no pair has code */
async function codePatch(context: CliContext, runId: RunId, pairs: readonly ComparedPair[]): Promise<string> {
  const { agents } = await context.services();
  const known = pairs.filter(({ filesDiff }) => filesDiff !== null);
  const patches: string[] = [];
  for (const { a, b } of known) patches.push(await agents.patch(runId, a, b));
  if (known.length > 0) return patches.join('');
  throw new NotFoundError(
    'What the files held on both sides is not known.',
    `Compare with the fork point: forkpoint diff ${runId} BRANCH.`,
  );
}
