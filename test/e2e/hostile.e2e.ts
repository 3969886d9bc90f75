import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { hostileText } from '../support/hostile.ts';
import { TranscriptBuilder } from '../support/transcript.ts';
import { test } from './support/sharedWindow.ts';

test('a session full of hostile text is inert in tree, picker, document and panel', async ({ shared }) => {
  const scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-hostile-'));
  onTestFinished(() => rm(scratch, { recursive: true, force: true }));
  const project = path.join(scratch, 'claude', 'projects', '-hostile');
  await mkdir(project, { recursive: true });
  const session = new TranscriptBuilder({ sessionId: 'hostile', cwd: shared.workspace });
  session.prompt(`Prompt ${hostileText}`);
  session.reply(`Reply ${hostileText}`, [
    { id: 'call', name: 'Bash', input: { command: hostileText }, result: hostileText },
  ]);
  session.reply(`Done ${hostileText}`);
  await writeFile(path.join(project, 'hostile.jsonl'), session.text());
  const workbench = await shared.show({
    claudeDir: path.join(scratch, 'claude'),
    home: path.join(scratch, 'forkpoint'),
  });
  const asked: string[] = [];
  workbench.page.on('request', (request) => asked.push(request.url()));
  const { page } = workbench;
  /** Icons that only the recording asks for; links and pictures it would have made. */
  const active =
    '.codicon-zap, .codicon-loading.codicon-modifier-spin, .codicon-trash, a[href*="evil"], img[src*="evil"]';

  await workbench.expand('Sessions', 'Prompt');
  const tree = workbench.view('Sessions');
  await workbench.row('Sessions', 'Opus').waitFor();
  expect(await tree.locator(active).count()).toBe(0);
  await workbench.row('Sessions', 'Opus').hover();
  const hover = page.locator('.workbench-hover');
  await hover.getByText('Prompt').first().waitFor();
  expect(await hover.locator('a, img, .codicon-zap').count()).toBe(0);
  await workbench.screenshot('hostile-tree');

  await workbench.runCommand('Forkpoint: Find Session');
  await workbench.quickPickRows().first().waitFor();
  expect(await page.locator('.quick-input-list').locator(active).count()).toBe(0);
  await page.keyboard.press('Escape');

  await workbench.row('Sessions', 'Opus').click();
  const document = workbench.panel();
  await document.getByText('Reply').first().waitFor();
  expect(await document.locator('a[href], img, iframe, script[src*="evil"]').count()).toBe(0);

  await workbench.chooseFromContextMenu('Sessions', 'Opus', 'Fork from Here…');
  const panel = workbench.panel();
  await panel.locator('.row.reply').first().waitFor();
  await panel.locator('.row.reply').first().getByRole('button', { name: 'Show all' }).click();
  await panel.locator('.markdown').first().waitFor();
  expect(await panel.locator('a[href], img, iframe').count()).toBe(0);
  await workbench.screenshot('hostile-panel');

  expect(asked.filter((url) => url.includes('evil.example'))).toEqual([]);
});
