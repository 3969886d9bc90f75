import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, expect } from 'vitest';
import { currentClaude } from '../support/agentStage.ts';
import type { MessagesApi, ReceivedRequest, Reply } from '../support/messagesApi.ts';
import { type AgentEditor, openAgentEditor, recordedPrompt } from './support/agentEditor.ts';
import { test } from './support/sharedWindow.ts';
import type { Theme, Workbench } from './support/workbench.ts';

const before = 'export const slugify = (text: string) => text.toLowerCase();\n';

let project: string;
let api: MessagesApi;
let editor: AgentEditor;
let workbench: Workbench;

/** What the agent does in every branch: it edits the file, wants to run a command, and says that it is done. */
function branchReply({ body }: ReceivedRequest, folder: string): Reply {
  const messages: { role: string; content: unknown }[] = body.messages;
  const blocks = messages.flatMap(({ content }) => (Array.isArray(content) ? (content as { type: string }[]) : []));
  const file = path.join(folder, 'slugify.ts');
  const use = (name: string, input: unknown) => ({ type: 'tool_use' as const, name, input });
  const steps: Reply[] = [
    { content: [{ type: 'text', text: 'I look at the function.' }, use('Read', { file_path: file })] },
    {
      content: [use('Edit', { file_path: file, old_string: 'toLowerCase()', new_string: 'normalize().toLowerCase()' })],
    },
    { content: [use('Bash', { command: 'touch from-the-agent.txt', description: 'Makes a file' })] },
    'Emoji are handled.',
  ];
  return steps[blocks.filter(({ type }) => type === 'tool_use').length] ?? 'Done.';
}

test.beforeAll(async ({ browser }) => {
  editor = await openAgentEditor(browser, {
    files: { 'slugify.ts': before },
    answer: branchReply,
    settings: { 'forkpoint.checks': [{ name: 'tests', run: 'test -s slugify.ts' }] },
  });
  ({ project, api, workbench } = editor);
});

afterAll(() => editor?.close());

afterEach(async ({ task }) => {
  if (task.result?.state === 'fail')
    await workbench?.keepPicture(`failed-agents-${task.name.slice(0, 40).replace(/\W+/g, '-')}`);
});

test('says who answers, where and on which files, before anything runs', async () => {
  await workbench.openForkpointView();
  await workbench.row('Sessions', 'shop').waitFor();
  await workbench.expand('Sessions', 'shop');
  await workbench.row('Sessions', /slugify|accents/).waitFor();
  await workbench.expand('Sessions', /slugify|accents/);
  await workbench.chooseFromContextMenu('Sessions', recordedPrompt, 'Fork from Here…');
  const panel = workbench.panel();
  await panel.locator('.where').waitFor();
  expect(await panel.getByRole('radio', { name: `Claude Code ${currentClaude}` }).isChecked()).toBe(true);
  expect(await panel.locator('input.command').inputValue()).toBe('test -s slugify.ts');
  await expect
    .poll(() => panel.locator('#run-facts').textContent())
    .toMatch(/1 agent.*Claude Code 2\.1\.329.*(overlay|copy|worktree) (at|of) .*shop.*to begin/s);
  await panel.getByRole('button', { name: 'Branch', exact: true }).click();
  await panel.locator('.branch input.name').nth(1).fill('cheaper');
  await panel.locator('footer vscode-button', { hasText: 'Run 2 branches' }).waitFor();
  expect(await workbench.axeOnPanel()).toEqual([]);
  await workbench.screenshot('agents-panel');
});

test('asks once before agents start, then shows what they do and what they ask', async () => {
  const panel = workbench.panel();
  await panel.locator('footer vscode-button', { hasText: 'Run 2 branches' }).click();
  const dialog = workbench.page.locator('.monaco-dialog-box');
  await dialog.waitFor();
  expect(await dialog.textContent()).toMatch(/Start 2 agents of Claude Code 2\.1\.329 on this machine\?/);
  await workbench.screenshot('agents-confirm');
  await workbench.answerDialog('Run 2 branches');
  await panel.locator('.run-branch').nth(1).waitFor();
  await panel.locator('.run-branch.asks').nth(1).waitFor({ timeout: 60_000 });
  expect(await panel.locator('.run-branch .progress').first().textContent()).toContain(
    'asks: touch from-the-agent.txt',
  );
  expect(await workbench.axeOnPanel()).toEqual([]);
  await workbench.screenshot('agents-asking');
});

test('an answer lets the agent go on; the rows end with what changed and whether the checks pass', async () => {
  const panel = workbench.panel();
  const [first, second] = [panel.locator('.run-branch').nth(0), panel.locator('.run-branch').nth(1)];
  await first.getByRole('button', { name: 'Allow', exact: true }).click();
  await second.getByRole('button', { name: 'Deny…' }).click();
  await second.getByRole('textbox', { name: 'Message to the agent' }).fill('Not needed.');
  await second.getByRole('button', { name: 'Deny', exact: true }).click();
  await panel.locator('footer vscode-button', { hasText: 'Compare' }).waitFor({ timeout: 60_000 });
  expect(await first.locator('.progress').textContent()).toMatch(/^\+\d+ −\d+ in 2 files · tests pass/);
  expect(await second.locator('.progress').textContent()).toMatch(/^\+1 −1 in 1 file · tests pass/);
  const told = JSON.stringify(api.requests.map(({ body }) => body.messages));
  expect(told).toContain('Not needed.');
  await workbench.screenshot('agents-done');
  expect(await readFile(path.join(project, 'slugify.ts'), 'utf8')).toBe(before);
});

test.each<[Theme, number]>([
  ['light', 1280],
  ['dark', 430],
])('the panel has no serious accessibility problem in %s at %i px', async (theme, width) => {
  await workbench
    .panel()
    .getByText('Edit Fork')
    .click({ timeout: 2_000 })
    .catch(() => undefined);
  await workbench.panel().locator('.where').waitFor();
  await workbench.setTheme(theme);
  if (await workbench.view('Sessions').isVisible()) await workbench.runCommand('View: Close Primary Side Bar');
  await workbench.setViewport(width, 900);
  expect(await workbench.axeOnPanel()).toEqual([]);
  await workbench.screenshot(`agents-panel-${theme}-${width}`);
});

test('Show Files lists what they held where the fork is cut, and how surely', async () => {
  await workbench.setViewport(1280, 900);
  await workbench.panel().getByRole('button', { name: 'Show Files' }).click();
  await workbench.waitForTab(/Files at the fork point/);
  await workbench.panel().getByRole('heading', { name: 'Files at the fork point' }).waitFor();
  expect(await workbench.panel().locator('body').textContent()).toContain('The session touched no files before.');
  await workbench.screenshot('agents-files-at-cut');
});

test('a fork by quick picks asks for place, checks and set-up in one step that can be passed over', async () => {
  await workbench.runCommand('Forkpoint: Fork with Quick Pick');
  await workbench.accept('Session');
  await workbench.accept('Turn');
  for (const step of ['Models', 'Prompt', 'System prompt', 'Effort', 'Repeats', 'Answered by', 'Files', 'Asks for'])
    await workbench.accept(step);
  const standing = workbench.quickPickRows().filter({ hasText: 'Go On' });
  await standing.filter({ hasText: 'the best place · checks: tests · no set-up' }).waitFor();
  await workbench.screenshot('agents-quick-more');
  await workbench.pick('More Settings…');
  await workbench.pick('worktree');
  await workbench.accept('Checks');
  await workbench.asked('Set-up');
  await workbench.quickInput().fill('true');
  await workbench.quickPickRows().filter({ hasText: 'add' }).waitFor();
  await workbench.page.keyboard.press('ArrowDown');
  await workbench.page.keyboard.press('Space');
  await workbench.accept('Set-up');
  await standing.filter({ hasText: 'worktree · checks: tests · set-up: true' }).waitFor();
  await workbench.accept('Place, checks');
  await workbench.accept('Run in');
  await workbench
    .quickPickRows()
    .filter({ hasText: /worktree of .*shop · files at this turn/ })
    .waitFor();
  const told = (await workbench.quickPickRows().allTextContents()).join(' ');
  expect(told).toMatch(/worktree lies at another path.*set-up: true.*checks: tests/);
  await workbench.screenshot('agents-quick-confirm');
  await workbench.page.keyboard.press('Escape');
});
