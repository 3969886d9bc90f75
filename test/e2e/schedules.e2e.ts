import { afterAll, expect, vi } from 'vitest';
import { SampleRun } from './support/sampleRun.ts';
import { test } from './support/sharedWindow.ts';
import type { Workbench } from './support/workbench.ts';

let sample: SampleRun;
let workbench: Workbench;

test.beforeAll(async ({ shared, temporal }) => {
  sample = await SampleRun.open('in-process', { shared, temporal });
  workbench = sample.workbench;
});
afterAll(() => sample?.close());

const runNow = async () => {
  await workbench.runCommand('Forkpoint: Show Schedules');
  await workbench.pick('weekly');
  await workbench.pick('Run Now');
};

test('a run is put on a schedule, runs on it, and says what changed since the time before', async () => {
  await workbench.row('Runs', 'Now handle emoji').waitFor();
  await workbench.chooseFromContextMenu('Runs', 'Now handle emoji', 'Schedule This Fork…');
  await workbench.pick('Every Monday at 3:00');
  await workbench.asked('Name of the schedule');
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
