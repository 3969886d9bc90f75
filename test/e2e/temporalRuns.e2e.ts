import { afterAll, expect } from 'vitest';
import { SampleRun } from './support/sampleRun.ts';
import { test } from './support/sharedWindow.ts';
import type { Workbench } from './support/workbench.ts';

let sample: SampleRun;
let workbench: Workbench;

test.beforeAll(async ({ shared, temporal }) => {
  sample = await SampleRun.open('temporal', { shared, temporal });
  workbench = sample.workbench;
});
afterAll(() => sample?.close());

test('a run is replayed in the debugger, which stops in the source of the workflow', async () => {
  await workbench.row('Runs', 'Now handle emoji').waitFor();
  await workbench.chooseFromContextMenu('Runs', 'Now handle emoji', 'Debug This Run');
  const { page } = workbench;
  // The debugger, the program and Temporal's native core start for it.
  await workbench.waitForTab('workflows.ts', { timeout: 60_000 });
  const stopped = page.locator('.view-line', { hasText: 'async function forkRun' });
  await stopped.first().waitFor();
  await page.locator('.debug-top-stack-frame-line').first().waitFor();
  await page.locator('.debug-toolbar .codicon-debug-continue').click();
  const outcome = page.getByText(/Execution .* does the same now/);
  await outcome.first().waitFor({ timeout: 60_000 });
  await page.locator('.debug-toolbar').waitFor({ state: 'hidden' });
  expect(await workbench.tabs()).toContainEqual(expect.stringMatching(/^workflows/));
});

test('a branch is run again from a step, in a run of its own', async () => {
  await workbench.openForkpointView();
  const runs = async () =>
    (await workbench.treeRows('Runs')).filter(({ label }) => label === 'Now handle emoji').length;
  expect(await runs()).toBe(1);
  await workbench.expand('Runs', 'Now handle emoji');
  await workbench.expand('Runs', 'as recorded');
  await workbench.chooseFromContextMenu('Runs', /^Reply/, 'Run Again from Here');
  await expect.poll(runs, { timeout: 30_000 }).toBe(2);
});
