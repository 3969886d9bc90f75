import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { forkRequestSchema } from '../../src/core/fork/forkRequest.ts';
import { createServices } from '../../src/services.ts';
import { untilView } from '../support/forkStage.ts';
import { builtWorker, killWorkers, startTestServer } from '../support/temporal.ts';
import { openBrowser, startEditor } from './support/editor.ts';
import { Workbench } from './support/workbench.ts';

const demo = path.resolve(import.meta.dirname, '../../demo');
const ends: (() => Promise<unknown>)[] = [];
let workbench: Workbench;

beforeAll(async () => {
  const scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-durable-'));
  ends.push(() => rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  const temporal = await startTestServer();
  ends.push(() => temporal.stop());
  const home = path.join(scratch, 'forkpoint');
  ends.push(() => killWorkers(home));
  await dispatch(home, temporal.address);
  const browser = await openBrowser();
  ends.push(() => browser.close());
  const server = await startEditor({
    workspace: scratch,
    settings: { 'forkpoint.temporal.address': temporal.address },
    env: { CLAUDE_CONFIG_DIR: path.join(demo, 'claude'), FORKPOINT_HOME: home, FORKPOINT_DEMO: '1', TZ: 'UTC' },
  });
  ends.push(() => server.stop());
  workbench = await Workbench.open(browser, server.url);
  ends.push(() => workbench.close());
  await workbench.openForkpointView();
});
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

/** A run of the sample session on Temporal, of one branch with two replies. */
async function dispatch(home: string, address: string): Promise<void> {
  const temporal = { address, workerScript: await builtWorker() };
  const services = await createServices({ home, provider: 'demo', claudeDirs: [path.join(demo, 'claude')], temporal });
  const session = '7d3c1f52-9a64-4c0e-8b1d-5e2f60a4c913';
  const fork = { session, at: { turn: 4 }, engine: 'temporal', executor: 'api', branches: [{ name: 'as recorded' }] };
  const { runId } = await services.forks.dispatch(forkRequestSchema.parse(fork));
  await untilView(services, runId, ({ state }) => state === 'completed');
  await services.dispose();
}

test('a run is replayed in the debugger, which stops in the source of the workflow', async () => {
  await workbench.row('Runs', 'Now handle emoji').waitFor();
  await workbench.chooseFromContextMenu('Runs', 'Now handle emoji', 'Debug This Run');
  const { page } = workbench;
  await workbench.waitForTab('workflows.ts');
  const stopped = page.locator('.view-line', { hasText: 'async function forkRun' });
  await stopped.first().waitFor();
  await page.locator('.debug-top-stack-frame-line').first().waitFor();
  await page.locator('.debug-toolbar .codicon-debug-continue').click();
  const outcome = page.getByText(/Execution .* does the same now/);
  await outcome.first().waitFor();
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
