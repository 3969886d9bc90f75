import { expect, it } from 'vitest';
import { previousMarkdown } from '../../../src/cli/exportRun.ts';
import { pairedRunsSchema } from '../../../src/core/compare/compareRuns.ts';
import { runId } from '../../support/plans.ts';

it('writes what changed since the run before of a schedule, its differences fenced', () => {
  const pair = { a: 'b1', b: 'b1', similarity: 0.5, firstDivergence: null, filesDiff: null };
  const costUsd = { before: 1, after: 1 };
  const previous = pairedRunsSchema.parse({
    changes: { previous: runId, costUsd, branches: [], onlyBefore: ['old_one'], onlyAfter: [] },
    pairs: [
      { ...pair, textDiff: '-```\n+Now.\n', toolDiff: { onlyA: [], onlyB: [] } },
      { ...pair, textDiff: null, toolDiff: { onlyA: [], onlyB: [] } },
    ],
  });
  expect(previousMarkdown(previous)).toBe(
    `Since \`${runId}\`: gone: old\\_one.\n\n\`\`\`\`diff\n-\`\`\`\n+Now.\n\`\`\`\``,
  );
});
