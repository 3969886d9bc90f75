import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, vi } from 'vitest';
import { writeSession } from '../support/writeSession.ts';
import { test } from './support/sharedWindow.ts';

test('a damaged session is marked, and its problems lead to the raw lines', async ({ shared }) => {
  const scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-problems-'));
  onTestFinished(() => rm(scratch, { recursive: true, force: true }));
  const claudeDir = path.join(scratch, 'claude');
  const session = await writeSession(claudeDir, shared.workspace, ['Why does slugify drop accents?']);
  await appendFile(
    session.file,
    'what is this? https://evil.example\n{"type":"user","message":{"role":"user","content":"Lost word\n',
  );
  await session.add('Now handle emoji');
  const workbench = await shared.show({ claudeDir, home: path.join(scratch, 'forkpoint') });

  await workbench.row('Sessions', '2 turns · 2 problems').waitFor();
  await workbench.chooseFromContextMenu('Sessions', '2 problems', 'Show Problems');
  await workbench.waitForTab(/Problems in Why does slugify/);
  const editor = workbench.page.locator('.editor-instance .view-lines');
  // The editor draws spaces that don't break.
  const plain = (text: string) => text.replaceAll('\u00a0', ' ');
  const shown = async () => plain(await editor.innerText());
  await vi.waitFor(async () => expect(await shown()).toContain('Lost word'));
  expect(await shown()).toContain('Line 3');
  expect(await shown()).toContain('Line 4');
  await workbench.screenshot('problems');
  // Only our own lines are links, not what the recording says.
  const links = editor.locator('.detected-link');
  await vi.waitFor(async () => expect((await links.allInnerTexts()).map(plain)).toEqual(['Line 3', 'Line 4']));
  await links.nth(1).click({ modifiers: ['ControlOrMeta'] });
  await workbench.waitForTab(path.basename(session.file));
  await workbench.statusBarItem('Ln 4, Col 1').waitFor();
});
