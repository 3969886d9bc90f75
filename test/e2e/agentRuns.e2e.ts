import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, vi } from 'vitest';
import { seedAgentRun } from './support/seedAgentRun.ts';
import { test } from './support/sharedWindow.ts';
import type { Workbench } from './support/workbench.ts';

let scratch: string;
let workspace: string;
let workbench: Workbench;
let run: Awaited<ReturnType<typeof seedAgentRun>>;

const before = 'export const slug = (text) =>\n  text.toLowerCase();\n';
const after = 'export const slug = (text) =>\n  text.toLowerCase().replace(/\\p{Emoji}/gu, "");\n';
const present = `// mine\n${before}`;
const inWorkspace = (name: string) => readFile(path.join(workspace, name), 'utf8').catch(() => null);

test.beforeAll(async ({ shared }) => {
  scratch = await realpath(await mkdtemp(path.join(tmpdir(), 'forkpoint-agents-')));
  await shared.clear();
  workspace = shared.workspace;
  await mkdir(path.join(workspace, 'src'), { recursive: true });
  await writeFile(path.join(workspace, 'src/slugify.js'), present);
  await writeFile(path.join(workspace, 'old.txt'), 'old\n');
  const home = path.join(scratch, 'forkpoint');
  run = await seedAgentRun(home, workspace, [
    { path: 'old.txt', before: 'old\n', after: null },
    { path: 'src/slugify.js', before, after },
    { path: 'src/slugify.test.js', before: null, after: 'test("emoji", () => {});\n' },
  ]);
  workbench = await shared.show({ claudeDir: path.join(scratch, 'claude'), home });
  await workbench.row('Runs', 'Now handle emoji').waitFor();
});

afterAll(async () => {
  run?.dispose();
  await rm(scratch, { recursive: true, force: true });
});

const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 30_000, interval: 100 });

const decoration = (text: string) =>
  workbench.row('Runs', text).evaluate((row) => {
    const label = row.querySelector('.monaco-icon-label');
    const style = label?.ownerDocument.defaultView?.getComputedStyle(label, '::after');
    return style?.content.replaceAll('"', '') ?? '';
  });

test('the tree shows what waits, and below each branch what it did', async () => {
  await workbench.expand('Runs', 'cheaper');
  await eventually(async () => {
    const rows = (await workbench.treeRows('Runs')).map(({ label, description }) => `${label} | ${description}`);
    expect(rows).toEqual([
      'Now handle emoji | 1 of 2 · 1 waits for you · $0.00',
      'cheaper | Haiku 4.5 · +2 −2 · npm test passes',
      'old.txt | ',
      'slugify.js | src',
      'slugify.test.js | src',
      'Handle emoji | 1a2b3c4d',
      'npm test | passed · 2.1 s',
      'as recorded | asks: npm install left-pad',
      'asks: npm install left-pad | ',
    ]);
  });
  await eventually(async () => {
    expect(await Promise.all(['old.txt', 'slugify.js', 'slugify.test.js'].map(decoration))).toEqual(['D', 'M', 'A']);
  });
  await workbench.statusBarItem('1 agent · 1 waits for you').waitFor();
  await workbench.notification('as recorded asks: npm install left-pad').waitFor();
  await workbench.screenshot('agent-tree');
});

test('a file opens as a diff from the fork point, a check as what it printed', async () => {
  await workbench.row('Runs', 'slugify.js').click();
  await workbench.waitForTab('slugify.js (fork point ↔ cheaper)');
  await eventually(async () => {
    expect(await workbench.page.locator('.monaco-diff-editor .modified .view-lines').first().innerText()).toContain(
      'Emoji',
    );
  });
  await workbench.row('Runs', /npm testpassed/).click();
  await workbench.waitForTab('npm test.log');
  await eventually(async () => {
    const text = await workbench.page.locator('.editor-instance .view-lines').first().innerText();
    expect(text.replaceAll('\u00a0', ' ')).toContain('✓ 3 tests passed');
  });
});

test('a question is shown in full and answered where it stands', async () => {
  await workbench.row('Runs', 'asks: npm install left-pad').last().waitFor();
  const row = workbench
    .view('Runs')
    .locator('.monaco-list-row')
    .filter({ hasText: 'asks: npm install left-pad' })
    .last();
  await row.click();
  await workbench.waitForTab('as recorded asks.sh');
  await workbench.page.locator('.editor-actions').getByRole('button', { name: 'Allow' }).first().waitFor();
  await workbench.screenshot('agent-question');
  await row.hover();
  await row.getByRole('button', { name: 'Allow' }).click();
  await eventually(() => {
    expect(run.answers).toEqual([{ branchId: 'b2', callId: 'toolu_1', answer: { behavior: 'allow', scope: 'call' } }]);
  });
  await eventually(async () => {
    const rows = (await workbench.treeRows('Runs')).map(({ label }) => label);
    expect(rows).not.toContain('asks: npm install left-pad');
  });
});

test('a branch is applied after a preview, onto what is there now, and undone as a whole', async () => {
  await workbench.chooseFromContextMenu('Runs', 'cheaper', 'Apply…');
  await workbench.waitForTab('Apply cheaper to slug-tools');
  await workbench.screenshot('agent-apply-preview');
  await workbench.notification('The preview shows').getByRole('button', { name: 'Apply…' }).click();
  expect(await inWorkspace('src/slugify.js')).toBe(present);
  await workbench.screenshot('agent-apply-question');
  await workbench.answerDialog('Apply 3 files');
  await eventually(async () => {
    expect(await inWorkspace('src/slugify.js')).toBe(`// mine\n${after}`);
    expect(await inWorkspace('src/slugify.test.js')).toBe('test("emoji", () => {});\n');
    expect(await inWorkspace('old.txt')).toBeNull();
  });
  await workbench.notification('Applied “cheaper” to slug-tools: 3 files.').waitFor();
  expect(await workbench.tabs()).not.toContain('slugify.js');

  await workbench.page.keyboard.press('Control+P');
  await workbench.quickInput().fill('src/slugify.js');
  await workbench.pick('slugify.js');
  await workbench.waitForTab(/^slugify\.js$/);
  await workbench.page.locator('.editor-instance .view-lines').first().click();
  await workbench.page.keyboard.press('Control+Z');
  await eventually(async () => {
    expect(await inWorkspace('src/slugify.test.js')).toBeNull();
    expect(await inWorkspace('old.txt')).toBe('old\n');
  });
  await workbench.page.keyboard.press('Control+S');
  await eventually(async () => expect(await inWorkspace('src/slugify.js')).toBe(present));
});

test('all branches and all changes open as multi-file diffs', async () => {
  await workbench.inlineAction('Runs', 'cheaper', 'Open Changes');
  await workbench.waitForTab('fork point ↔ cheaper · Now handle emoji');
  await eventually(async () => {
    const text = await workbench.page.locator('.multiDiffEditor').innerText();
    expect(text).toContain('slugify.test.js');
  });
  await workbench.screenshot('agent-changes');
  await workbench.runCommand('Forkpoint: Open Comparison Table');
  await workbench.pick('Now handle emoji');
  await workbench.waitForTab('Comparison · Now handle emoji');
  await eventually(async () => {
    const rows = await workbench.panel().locator('tbody tr').allInnerTexts();
    expect(rows[1]).toMatch(/^cheaper\s[^]*\+2 −2 in 3 files\s+passes/);
  });
  await workbench.screenshot('agent-comparison');
});
