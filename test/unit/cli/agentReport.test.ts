import { expect, it } from 'vitest';
import { detailLines } from '../../../src/cli/agentReport.ts';
import { foldRun } from '../../../src/core/run/foldRun.ts';
import { MemoryBlobs } from '../../support/memoryStores.ts';
import { buildPlan } from '../../support/storedPlan.ts';

it('shows the notes of a branch that the API answers, too', async () => {
  const plan = await buildPlan(new MemoryBlobs(), { branches: [{ name: 'odd' }, { name: 'plain' }] });
  const { runId, branches } = plan;
  const [odd] = branches.map(({ branchId }) => branchId);
  const at = '2026-01-01T00:00:00.000Z';
  const text = 'Reply 1: an empty text block was left out.';
  const view = foldRun(plan, odd === undefined ? [] : [{ type: 'branch-note', runId, branchId: odd, at, text }]);
  expect(detailLines(view)).toEqual(['odd:', `  ${text}`]);
});
