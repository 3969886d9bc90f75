import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, vi } from 'vitest';
import { FileSession, utf16 } from '../support/fileSession.ts';
import { digestFolder } from './support/digestFolder.ts';
import { test } from './support/sharedWindow.ts';
import type { Workbench } from './support/workbench.ts';

let scratch: string;
let workbench: Workbench;
let workspace: string;
let claudeDir: string;

/** A session that edits a UTF-16 file and creates one, then lets the shell change one. */
async function writeRecording(): Promise<void> {
  const session = new FileSession(workspace);
  const first = session.prompt('Translate the greeting');
  const [edited] = session.edit(path.join(workspace, 'greeting.txt'), 'world', 'Welt', {
    original: '\uFEFFhello\nworld\n',
  });
  session.delta(first, edited, 'greeting.txt', session.copy('00000000000000aa@v1', utf16('hello\nworld\n')));
  const [created] = session.create(path.join(workspace, 'src/new.txt'), 'fresh\n');
  session.delta(first, created, 'src/new.txt', null);
  session.say();
  const second = session.prompt('Use the shell');
  session.snapshot(second, {
    'greeting.txt': session.copy('00000000000000aa@v2', utf16('hello\nWelt\n')),
    'src/new.txt': session.copy('00000000000000bb@v2', 'fresh\n'),
  });
  session.bash();
  session.edit(path.join(workspace, 'lost.txt'), 'one', 'two');
  session.say();
  session.transcript.unchained('custom-title', { customTitle: 'Greetings' });
  const folder = path.join(claudeDir, 'projects', '-work');
  const copies = path.join(claudeDir, 'file-history', session.transcript.sessionId);
  await Promise.all([folder, copies].map((each) => mkdir(each, { recursive: true })));
  await writeFile(path.join(folder, `${session.transcript.sessionId}.jsonl`), session.transcript.text());
  for (const [name, { bytes }] of session.copies) await writeFile(path.join(copies, name), bytes);
}

test.beforeAll(async ({ shared }) => {
  scratch = await realpath(await mkdtemp(path.join(tmpdir(), 'forkpoint-files-')));
  await shared.clear();
  workspace = shared.workspace;
  claudeDir = path.join(scratch, 'claude');
  await writeFile(path.join(workspace, 'greeting.txt'), utf16('hello\nnow\n'));
  await writeRecording();
  workbench = await shared.show({ claudeDir, home: path.join(scratch, 'forkpoint') });
  await workbench.expand('Sessions', 'Greetings');
  await workbench.row('Sessions', 'Use the shell').waitFor();
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

/** Texts of the open diff editors, both sides, by the names above them. */
async function shownText(): Promise<string> {
  const editor = workbench.page.locator('.multiDiffEditor');
  await editor.waitFor();
  return (await editor.innerText()).replaceAll('\u00a0', ' ');
}

function message(): Promise<string> {
  return workbench.page.locator('.notification-list-item-message').last().innerText();
}

describe('Show Files at This Turn', () => {
  test('opens what a turn changed, in the file’s own encoding', async () => {
    await workbench.chooseFromContextMenu('Sessions', 'Translate the greeting', 'Show Files at This Turn');
    await workbench.waitForTab('Files at turn 1 · Translate the greeting (2 files)');
    await vi.waitFor(
      async () => expect(await shownText()).toMatch(/greeting\.txt[\s\S]*world[\s\S]*Welt[\s\S]*fresh/),
      { timeout: 20_000 },
    );
    expect(await workbench.page.locator('.notification-list-item').count()).toBe(0);
    await workbench.screenshot('files-at-turn');
  });

  test('says what is not recorded, with the list of all files', async () => {
    await workbench.chooseFromContextMenu('Sessions', 'Use the shell', 'Show Files at This Turn');
    await vi.waitFor(async () => expect(await message()).toContain('What lost.txt held is not recorded.'), {
      timeout: 20_000,
    });
    expect(await message()).toContain('Shell commands ran in this turn');
    await workbench.page.getByRole('button', { name: 'Details' }).last().click();
    const list = workbench.panel();
    await list.getByRole('heading', { name: 'Files at turn 2' }).waitFor();
    expect(await list.getByRole('row').allInnerTexts()).toEqual([
      expect.stringMatching(/File.*Changed by.*Before.*After.*Notes/),
      expect.stringMatching(/lost\.txt\s+unknown/),
      expect.stringMatching(/greeting\.txt.*exact, copy of Claude Code/),
      expect.stringMatching(/src\/new\.txt/),
    ]);
    await workbench.screenshot('files-details');
  });

  test('compares with the working tree, and writes nothing', async () => {
    const before = [await digestFolder(claudeDir), await digestFolder(workspace)];
    const title = 'Compare Files at This Turn with Working Tree';
    await workbench.chooseFromContextMenu('Sessions', 'Translate the greeting', title);
    await workbench.waitForTab('After turn 1 ↔ now · Translate the greeting (2 files)');
    await vi.waitFor(async () => expect(await shownText()).toMatch(/Welt[\s\S]*now/), { timeout: 20_000 });
    expect([await digestFolder(claudeDir), await digestFolder(workspace)]).toEqual(before);
  });
});
