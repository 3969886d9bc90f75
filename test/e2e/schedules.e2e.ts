import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { forkRequestSchema } from '../../src/core/fork/forkRequest.ts';
import { createServices } from '../../src/services.ts';
import { untilView } from '../support/forkStage.ts';
import { killWorkers, startTestServer } from '../support/temporal.ts';
import { openBrowser, startEditor } from './support/editor.ts';
import { Workbench } from './support/workbench.ts';

const demo = path.resolve(import.meta.dirname, '../../demo');
const ends: (() => Promise<unknown>)[] = [];
let workbench: Workbench;

beforeAll(async () => {
  const scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-schedules-'));
  ends.push(() => rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  const temporal = await startTestServer();
  ends.push(() => temporal.stop());
  const home = path.join(scratch, 'forkpoint');
  ends.push(() => killWorkers(home));
  await dispatch(home);
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
});
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

/** A run of the sample session that the demo model answered. */
async function dispatch(home: string): Promise<void> {
  const services = await createServices({ home, provider: 'demo', claudeDirs: [path.join(demo, 'claude')] });
  const session = '7d3c1f52-9a64-4c0e-8b1d-5e2f60a4c913';
  const fork = { session, at: { turn: 4 }, executor: 'api', branches: [{ name: 'as recorded' }] };
  const { runId } = await services.forks.dispatch(forkRequestSchema.parse(fork));
  await untilView(services, runId, ({ state }) => state === 'completed');
  await services.dispose();
}

const runNow = async () => {
  await workbench.runCommand('Forkpoint: Show Schedules');
  await workbench.pick('weekly');
  await workbench.pick('Run Now');
};

test('a run is put on a schedule, runs on it, and says what changed since the time before', async () => {
  await workbench.openForkpointView();
  await workbench.row('Runs', 'Now handle emoji').waitFor();
  await workbench.chooseFromContextMenu('Runs', 'Now handle emoji', 'Schedule This Fork…');
  await workbench.pick('Every Monday at 3:00');
  await workbench.quickInput().fill('not a name');
  await workbench.page.getByText('Write up to 64 letters').waitFor();
  await workbench.quickInput().fill('weekly');
  await workbench.page.keyboard.press('Enter');
  await workbench.page.locator('.monaco-dialog-box').getByText('answered by the offline demo model, free').waitFor();
  await workbench.page.locator('.monaco-dialog-box').getByText('every Monday at 3:00 (0 3 * * 1)?').waitFor();
  await workbench.answerDialog('Schedule');
  await workbench.notification(/Schedule weekly is set\. It fires next at .* 03:00/).waitFor({ timeout: 60_000 });

  await runNow();
  await workbench.row('Runs', /scheduled by weekly/).waitFor({ timeout: 60_000 });
  await workbench.notification(/weekly: “Now handle emoji”: 1 branch done/).waitFor({ timeout: 60_000 });
  await workbench.runCommand('Forkpoint: Show Schedules');
  const row = workbench.quickPickRows().filter({ hasText: 'weekly' });
  await vi.waitFor(async () => expect(await row.textContent()).toMatch(/0 3 \* \* 1 UTC · next .*last run completed/));
  await workbench.page.keyboard.press('Escape');

  await runNow();
  await workbench.notification(/weekly: .*Since the run before: as before/).waitFor({ timeout: 60_000 });
  await workbench.expand('Runs', /scheduled by weekly/);
  await workbench.expand('Runs', 'since the run before');
  await workbench.screenshot('schedule-runs');
  const rows = (await workbench.treeRows('Runs')).map(({ label, description }) => `${label} | ${description}`);
  expect(rows).toContain('since the run before | as before');
  const at = rows.indexOf('since the run before | as before');
  await workbench
    .view('Runs')
    .locator('.monaco-list-row')
    .nth(at + 1)
    .click();
  await workbench.waitForTab('as recorded: run before ↔ this run');
});
