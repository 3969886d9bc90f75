import { type CliContext, runIdOf } from '../context.ts';
import { comparisonMarkdown } from '../exportRun.ts';
import { printPatch } from '../printPatch.ts';
import { comparisonText } from '../runReport.ts';

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
  const comparison = await forks.compare(runId, a, b);
  if (format === 'json') terminal.printJson(comparison);
  else if (format === 'markdown') terminal.print(comparisonMarkdown(comparison));
  else if (format === 'patch') printPatch(context, comparison.pairs.map(({ textDiff }) => textDiff ?? '').join(''));
  else {
    const more = `forkpoint compare ${runId} --format patch`;
    terminal.print(comparisonText(comparison, terminal.colors, { maxLines: 400, more }));
  }
  return 0;
}
