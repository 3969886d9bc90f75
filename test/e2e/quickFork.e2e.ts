import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect } from 'vitest';
import { digestFolder } from './support/digestFolder.ts';
import { test } from './support/sharedWindow.ts';
import type { Workbench } from './support/workbench.ts';

let scratch: string;
let workbench: Workbench;
let recorded: string;

test.beforeAll(async ({ shared }) => {
  scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-quick-'));
  const claudeDir = path.join(scratch, 'claude');
  await cp(path.resolve(import.meta.dirname, '../../demo/claude'), claudeDir, { recursive: true });
  recorded = await digestFolder(claudeDir);
  workbench = await shared.show({ claudeDir, home: path.join(scratch, 'forkpoint') });
  await workbench.row('Sessions', 'slug-tools').waitFor();
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

test('a fork can be made, run and compared with the keyboard alone', async () => {
  await workbench.runCommand('Forkpoint: Fork with Quick Pick');
  await workbench.accept('Session');
  await workbench.accept('Turn');
  await workbench.asked('Models');
  await workbench.quickInput().fill('claude-haiku-4-5');
  await workbench.quickPickRows().filter({ hasText: 'typed' }).waitFor();
  await workbench.page.keyboard.press('ArrowDown');
  await workbench.page.keyboard.press('Space');
  await workbench.accept('Models');
  for (const step of ['Prompt', 'System prompt', 'Effort', 'Repeats', 'Run in', 'Tools']) await workbench.accept(step);
  const confirmation = workbench.quickPickRows().first();
  await confirmation.filter({ hasText: 'Run 2 branches' }).waitFor();
  expect(await confirmation.textContent()).toContain('2 requests to the offline demo model');
  expect(await confirmation.textContent()).toContain('not billed');
  await workbench.screenshot('quick-fork');
  await workbench.page.keyboard.press('Enter');
  await workbench.notification('2 branches done').waitFor();
  const rows = (await workbench.treeRows('Runs')).map(({ label }) => label);
  expect(rows.slice(1)).toEqual(['Opus 4.5', 'Haiku 4.5']);
});

test('Compare opens all diffs and the table, whose links open a diff', async () => {
  await workbench.notification('2 branches done').getByRole('button', { name: 'Compare' }).click();
  await workbench.waitForTab('All branches ↔ recorded');
  const table = workbench.panel().getByRole('table');
  await table.getByRole('row', { name: /Haiku 4.5/ }).waitFor();
  expect(await table.getByRole('row').count()).toBe(4);
  expect(await workbench.axeOnPanel()).toEqual([]);
  await workbench.screenshot('comparison');
  await table
    .getByRole('row', { name: /Haiku 4.5/ })
    .getByRole('button', { name: /^step/ })
    .click();
  await workbench.waitForTab('Haiku 4.5 ↔ recorded');
});

test('the run and the table are there again after a reload', async () => {
  // The editor's own reload: the browser's can come before the editor has kept its open tabs.
  const loaded = workbench.page.waitForEvent('load');
  await workbench.runCommand('Developer: Reload Window');
  await loaded;
  await workbench.ready();
  await workbench.openForkpointView();
  await workbench.row('Runs', '2 branches').waitFor();
  await workbench.page.locator('.tab').filter({ hasText: 'Comparison' }).click();
  await workbench.panel().getByRole('table').waitFor();
  expect(await workbench.tabs()).toContain(
    'Haiku 4.5 ↔ recorded · Is a regex the right tool for this, or should it be Intl.Se…',
  );
});

test('nothing recorded was changed', async () => {
  expect(await digestFolder(path.join(scratch, 'claude'))).toBe(recorded);
});
