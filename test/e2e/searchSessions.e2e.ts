import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, vi } from 'vitest';
import { type WrittenSession, writeSession } from '../support/writeSession.ts';
import { test } from './support/sharedWindow.ts';
import type { Workbench } from './support/workbench.ts';

let scratch: string;
let workbench: Workbench;
let website: WrittenSession;

test.beforeAll(async ({ shared }) => {
  scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-search-'));
  const claudeDir = path.join(scratch, 'claude');
  await writeSession(claudeDir, shared.workspace, ['Why does slugify drop accents?', 'Now handle quixotic $(emoji)']);
  website = await writeSession(claudeDir, '/home/sam/website', ['A landing page', 'Make it quixotic']);
  workbench = await shared.show({ claudeDir, home: path.join(scratch, 'forkpoint') });
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

/** The rows that a search for this shows, once they are what is expected. */
async function expectRows(text: string, expected: RegExp[]): Promise<void> {
  await workbench.quickInput().fill(text);
  await vi.waitFor(
    async () => {
      const rows = await workbench.quickPickRows().allInnerTexts();
      expect(rows).toEqual(expected.map((row) => expect.stringMatching(row)));
    },
    { timeout: 20_000, interval: 100 },
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
        timeout: 20_000,
      },
    );
  });
});
