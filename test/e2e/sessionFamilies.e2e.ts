import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, vi } from 'vitest';
import { FamilyWriter, makeRepository } from '../support/writeFamily.ts';
import { digestFolder } from './support/digestFolder.ts';
import { test } from './support/sharedWindow.ts';
import type { Workbench } from './support/workbench.ts';

// What belongs together stands together: worktrees, forks, subagents. And what goes can be kept.

let scratch: string;
let workbench: Workbench;
let claudeDir: string;
let precious: string;

const shown = { timeout: 20_000, interval: 50 };
const rows = async () =>
  (await workbench.treeRows('Sessions')).map(
    ({ label, description, level }) =>
      `${'  '.repeat(level - 1)}${label} | ${description.replace(/(^|· )(now|\d+ (min|h|d|wk)) · /, '$1then · ')}`,
  );
const contains = (row: string) => vi.waitFor(async () => expect(await rows()).toContain(row), shown);

function writeSessions(workspace: string, worktree: string): string {
  const writer = new FamilyWriter(claudeDir);
  const main = writer.session(workspace, ['Why does slugify drop accents?', 'Now handle emoji']);
  writer.write(writer.fork(main, 'Try a regex instead'), 0, main);
  main.prompt('Find all callers first');
  const task = { name: 'Task', input: { description: 'find all callers' }, result: 'Three.' };
  main.reply('I ask a helper.', [{ id: 'toolu_outer', ...task }], { model: 'claude-opus-4-5' });
  main.reply('There are three callers.', [], { model: 'claude-opus-4-5' });
  writer.write(main, 0.1);
  const outer = writer.session(workspace, []);
  outer.prompt('Find every caller of slugify.');
  outer.reply('I ask the next one.', [{ id: 'toolu_inner', name: 'Task', result: 'Covered.' }]);
  outer.reply('Three callers.');
  writer.writeSubagent(main, 'outer', { agentType: 'explore', toolUseId: 'toolu_outer' }, outer);
  const inner = writer.session(workspace, ['Do the tests cover it?']);
  const meta = { agentType: 'tester', toolUseId: 'toolu_inner', parentAgentId: 'outer' };
  writer.writeSubagent(main, 'inner', meta, inner);
  writer.write(writer.session(worktree, ['Emoji in a branch of its own']), 1);
  const old = writer.write(writer.session(workspace, ['A precious idea']), 27.5);
  writer.write(writer.session(workspace, ['Another old idea']), 28.5);
  return old;
}

test.beforeAll(async ({ shared }) => {
  scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-families-'));
  claudeDir = path.join(scratch, 'claude');
  const worktree = path.join(scratch, 'trees', 'emoji');
  await shared.clear();
  makeRepository(shared.workspace, worktree);
  precious = writeSessions(shared.workspace, worktree);
  workbench = await shared.show({ claudeDir, home: path.join(scratch, 'forkpoint') });
  await workbench.row('Sessions', 'slug-tools').waitFor();
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

test('worktrees of a repository are one project; what goes soon says so', async () => {
  expect(await rows()).toEqual([
    'slug-tools | this folder · 5',
    '  Try a regex instead | then · 3 turns · fork',
    '  Why does slugify drop accents? | then · 3 turns',
    '  Emoji in a branch of its own | then · 1 turn · emoji',
    '  A precious idea | goes in 2 days · then · 1 turn',
    '  Another old idea | goes tomorrow · then · 1 turn',
  ]);
  await workbench.view('Sessions').getByText('Claude Code deletes 2 sessions within 2 days.').waitFor();
  await workbench.screenshot('sessions-families');
});

test('a subagent unfolds to its turns and to the subagents that it started, which open and fork like others', async () => {
  await workbench.expand('Sessions', 'Why does slugify');
  await workbench.expand('Sessions', 'Find all callers first');
  await workbench.expand('Sessions', 'explore: “find all callers”');
  await workbench.expand('Sessions', 'Find every caller of slugify.');
  await workbench.expand('Sessions', 'tester: “Do the tests cover it?”');
  await contains('            Do the tests cover it? | Sonnet 4.5');
  await workbench.screenshot('sessions-subagents');
  await workbench.row('Sessions', /^Do the tests cover it/).click();
  await workbench.waitForTab('Do the tests cover it?');
  await workbench.panel().getByText('Reply to Do the tests cover it?').waitFor();
  const menu = await workbench.openContextMenu('Sessions', /^Do the tests cover it/);
  expect(menu).toEqual(expect.arrayContaining(['Fork from Here…', 'Open Turn', 'Open Raw Transcript']));
  await workbench.page.keyboard.press('Escape');
  await workbench.chooseFromContextMenu('Sessions', /^Do the tests cover it/, 'Fork from Here…');
  await workbench.panel().getByText('before “Do the tests cover it?”').first().waitFor();
});

test('a fork stands under the turn that it goes on from, and each leads to the other', async () => {
  await workbench.runCommand('View: Close All Editors');
  await workbench.expand('Sessions', /^Now handle emoji/);
  await workbench.row('Sessions', 'Forked: Try a regex instead').click();
  const selected = workbench.view('Sessions').locator('.monaco-list-row.selected');
  await vi.waitFor(async () => expect(await selected.textContent()).toContain('Try a regex instead'), shown);
  await vi.waitFor(async () => expect(await selected.getAttribute('aria-level')).toBe('2'), shown);
  await workbench.chooseFromContextMenu('Sessions', /^Try a regex instead/, 'Go to Fork Parent');
  await vi.waitFor(async () => expect(await selected.textContent()).toContain('Why does slugify'), shown);
});

test('a kept session outlives its original, and goes only after a question', async () => {
  await workbench.collapseAll('Sessions');
  await workbench.expand('Sessions', 'slug-tools');
  const before = await digestFolder(claudeDir);
  await workbench.chooseFromContextMenu('Sessions', 'A precious idea', 'Keep This Session');
  await contains('  A precious idea | then · 1 turn · kept');
  await workbench.view('Sessions').getByText('Claude Code deletes 1 session by tomorrow.').waitFor();
  expect(await digestFolder(claudeDir)).toBe(before);
  await rm(precious);
  await contains('  A precious idea | then · 1 turn · archived');
  await workbench.expand('Sessions', 'A precious idea');
  await workbench.row('Sessions', /^A precious idea.*Sonnet/).click();
  await workbench.panel().getByText('Reply to A precious idea').waitFor();
  await workbench.screenshot('sessions-archived');
  await workbench.chooseFromContextMenu('Sessions', /^A precious idea.*archived/, 'Remove from Archive…');
  await workbench.page.locator('.monaco-dialog-box').getByText('Delete the last copy of “A precious idea”?').waitFor();
  await workbench.screenshot('sessions-forget');
  await workbench.answerDialog('Delete');
  await vi.waitFor(async () => expect((await rows()).join()).not.toContain('A precious idea'), shown);
  expect(existsSync(path.join(scratch, 'forkpoint', 'archive', 'projects'))).toBe(true);
});
