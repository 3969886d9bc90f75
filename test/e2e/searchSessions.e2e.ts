import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { CodeServer } from '../../scripts/codeServer.ts';
import { type WrittenSession, writeSession } from '../support/writeSession.ts';
import { openBrowser, startEditor } from './support/editor.ts';
import { Workbench } from './support/workbench.ts';

let scratch: string;
let browser: BrowserContext;
let server: CodeServer;
let workbench: Workbench;
let website: WrittenSession;

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-search-'));
  const [workspace, claudeDir] = [path.join(scratch, 'slug-tools'), path.join(scratch, 'claude')];
  await mkdir(workspace);
  await writeSession(claudeDir, workspace, ['Why does slugify drop accents?', 'Now handle quixotic $(emoji)']);
  website = await writeSession(claudeDir, '/home/sam/website', ['A landing page', 'Make it quixotic']);
  server = await startEditor({
    workspace,
    env: { CLAUDE_CONFIG_DIR: claudeDir, FORKPOINT_HOME: path.join(scratch, 'forkpoint') },
  });
  browser = await openBrowser();
  workbench = await Workbench.open(browser, server.url);
});

afterAll(async () => {
  await workbench?.close();
  await browser?.close();
  await server?.stop();
  await rm(scratch, { recursive: true, force: true });
});

/** The rows that a search for this shows, once they are what is expected. */
async function expectRows(text: string, expected: RegExp[]): Promise<void> {
  await workbench.quickInput().fill(text);
  await vi.waitFor(
    async () => {
      const rows = await workbench.quickPickRows().allInnerTexts();
      expect(rows).toEqual(expected.map((row) => expect.stringMatching(row)));
    },
    { timeout: 10_000, interval: 100 },
  );
}

describe('Search Sessions…', () => {
  test('finds while one types, as Claude Code goes on, and opens the turn', async () => {
    await workbench.runCommand('Forkpoint: Search Sessions…');
    await workbench.quickInput().waitFor();
    await expectRows('quixotic', [/quixotic/, /quixotic/, /quixotic/, /quixotic/]);
    await expectRows('quixotic project:website', [/Make it quixotic[^]*turn 2 · prompt/, /Reply to Make it quixotic/]);
    await workbench.screenshot('search');
    await website.add('Even more windmills');
    await expectRows('windmills', [/Even more windmills[^]*turn 3 · prompt/, /Reply to Even more windmills/]);
    await expectRows('no such text', [/Nothing found\./]);
    await expectRows('quixotic $(em', [/Now handle quixotic \$\(emoji\)[^]*turn 2/, /Reply to/]);
    await workbench.page.keyboard.press('Enter');
    await vi.waitFor(
      async () => expect(await workbench.tabs()).toEqual([expect.stringContaining('Now handle quixotic')]),
      {
        timeout: 10_000,
      },
    );
  });
});
