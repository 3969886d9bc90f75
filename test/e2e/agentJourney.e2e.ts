import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { BrowserContext } from 'playwright-core';
import { afterEach, beforeAll, expect, onTestFinished, vi } from 'vitest';
import { cleanEnvironment } from '../../scripts/codeServer.ts';
import { run } from '../../scripts/tools/run.ts';
import { findTemporal } from '../../scripts/tools/temporalCli.ts';
import { ensureTools } from '../../scripts/tools.ts';
import { freePort } from '../../src/adapters/freePort.ts';
import { currentClaude } from '../support/agentStage.ts';
import type { ReceivedRequest, Reply } from '../support/messagesApi.ts';
import { type AgentEditor, openAgentEditor, recordedPrompt } from './support/agentEditor.ts';
import { test } from './support/sharedWindow.ts';
import type { Workbench } from './support/workbench.ts';

// The whole way of a person, on both engines: three agents of the real Claude Code, from the fork panel to undo.

const files = {
  'slugify.ts': 'export const slugify = (text: string) => text.toLowerCase();\n',
  'check.sh': 'grep -q normalize slugify.ts && echo "3 tests passed" || { echo "1 test failed: emoji"; exit 1; }\n',
};
const edited = files['slugify.ts'].replace('text.', 'text.normalize().');
const stripped = files['slugify.ts'].replace('text.', 'text.normalize("NFKD").replace(/\\p{Emoji}/gu, "").');
const testFile = 'test("emoji", () => expect(slugify("a 😀")).toBe("a"));\n';

const commits = { name: 'strip and commit', prompt: 'Strip emoji, add a test and commit it' };
const asks = { name: 'list first', prompt: 'First write the cases down' };
const commitCommand = 'git add -A && git commit -qm "Strip emoji"';
const listCommand = 'echo "a 😀" > cases.txt';

let workbench: Workbench | undefined;

/** What each of the three agents does, by its prompt and by what it has done so far. */
function answer({ body }: ReceivedRequest, project: string): Reply {
  const said = JSON.stringify(body.messages);
  const done = said.split('"type":"tool_use"').length - 1;
  const file = path.join(project, 'slugify.ts');
  const use = (name: string, input: unknown): Reply => ({ content: [{ type: 'tool_use', name, input }] });
  const edit = (to: string) => use('Edit', { file_path: file, old_string: files['slugify.ts'], new_string: to });
  const bash = (command: string, description: string) => use('Bash', { command, description });
  const read = use('Read', { file_path: file });
  const steps = said.includes(commits.prompt)
    ? [
        read,
        edit(stripped),
        use('Write', { file_path: path.join(project, 'slugify.test.ts'), content: testFile }),
        bash(commitCommand, 'Commits the change'),
        'Emoji are stripped, and it is committed.',
      ]
    : said.includes(asks.prompt)
      ? [bash(listCommand, 'Writes the cases down'), 'The cases are in cases.txt.']
      : [read, edit(edited), 'Emoji are handled.'];
  return steps[done] ?? 'Done.';
}

/** What a person has in a project: every file, and where git stands. Not git's index, which the editor's own git refreshes. */
function contentsOf(project: string): Record<string, string> {
  const entries = readdirSync(project, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const names = entries.map((entry) => path.relative(project, path.join(entry.parentPath, entry.name))).sort();
  const counts = (name: string) => !name.startsWith('.git/') || /^\.git\/(HEAD|packed-refs|refs\/|logs\/)/.test(name);
  return Object.fromEntries(names.filter(counts).map((name) => [name, readFileSync(path.join(project, name), 'utf8')]));
}

const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 60_000, interval: 100 });

beforeAll(async () => {
  const missing = await ensureTools(['temporal', `claude-code-${currentClaude}`]);
  if (missing.length > 0) throw new Error(`The journey needs ${missing.join(' and ')}.`);
});

afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await workbench?.keepPicture(`failed-${task.name.replace(/\W+/g, '-')}`);
});

/** A project of its own for every attempt, so that a second one begins where the first began. */
async function openEditor(browser: BrowserContext, engine: string): Promise<AgentEditor> {
  const address = `127.0.0.1:${await freePort()}`;
  const editor = await openAgentEditor(browser, {
    files,
    answer,
    settings: {
      'forkpoint.temporal.address': address,
      'forkpoint.checks': [{ name: 'tests', run: 'sh check.sh' }],
      'forkpoint.agents.concurrency': 3,
    },
    env: { TEMPORAL_CLI: findTemporal() ?? '' },
  });
  onTestFinished(async () => {
    if (engine === 'temporal') {
      await run(process.execPath, ['dist/cli.js', 'temporal', 'stop', '--address', address], {
        cwd: path.resolve(import.meta.dirname, '../..'),
        env: cleanEnvironment(editor.scratch, { FORKPOINT_HOME: path.join(editor.scratch, 'forkpoint') }),
      });
    }
    await editor.close();
    workbench = undefined;
  }, 60_000);
  workbench = editor.workbench;
  workbench.page.setDefaultTimeout(60_000);
  return editor;
}

/** Fills the fork panel with three branches. */
async function forkInto(bench: Workbench, engine: string): Promise<void> {
  await bench.openForkpointView();
  await bench.expand('Sessions', 'shop');
  await bench.expand('Sessions', /slugify|accents/);
  await bench.chooseFromContextMenu('Sessions', recordedPrompt, 'Fork from Here…');
  const panel = bench.panel();
  await panel.locator('.where').waitFor();
  for (const [index, { name, prompt }] of [commits, asks].entries()) {
    await panel.getByRole('button', { name: 'Branch', exact: true }).click();
    await panel
      .locator('.branch input.name')
      .nth(index + 1)
      .fill(name);
    await panel.getByRole('button', { name: `prompt of ${name}` }).click();
    await panel.getByRole('textbox', { name: `Prompt of ${name}` }).fill(prompt);
  }
  if (engine === 'temporal') {
    await bench.runCommand('Forkpoint: Start Temporal Dev Server');
    await bench.statusBarItem(/Temporal/).waitFor();
    await panel.getByRole('radio', { name: /Temporal/ }).click();
  }
  await panel.locator('footer vscode-button', { hasText: 'Run 3 branches' }).waitFor();
}

/** What the panel says of each branch, without what it cost. */
const progress = async (bench: Workbench) =>
  (await bench.panel().locator('.run-branch .progress').allTextContents()).map((text) => text.replace(/ · \$.*/, ''));

/** Answers one question in the tree and the other one where the run was started. */
async function answerBoth(bench: Workbench): Promise<void> {
  const question = bench.view('Runs').locator('.monaco-list-row[aria-level="3"]', { hasText: `asks: ${listCommand}` });
  await question.hover();
  await question.getByRole('button', { name: 'Allow' }).click();
  await question.waitFor({ state: 'detached' });
  const ofCommits = bench.panel().locator('.run-branch', { hasText: commits.name });
  await ofCommits.getByRole('button', { name: 'Allow', exact: true }).click();
  await bench.panel().locator('footer vscode-button', { hasText: 'Compare' }).waitFor();
}

/** Takes the branch over, and back again with one Undo. */
async function applyAndUndo(bench: Workbench, project: string): Promise<void> {
  const before = contentsOf(project);
  await bench.chooseFromContextMenu('Runs', commits.name, 'Apply…');
  await bench.waitForTab(`Apply ${commits.name} to shop`);
  await bench.notification('The preview shows').getByRole('button', { name: 'Apply…' }).click();
  await bench.answerDialog('Apply 2 files');
  await bench.notification(`Applied “${commits.name}” to shop: 2 files.`).waitFor();
  expect(contentsOf(project)).toEqual({ ...before, 'slugify.ts': stripped, 'slugify.test.ts': testFile });
  await bench.page.keyboard.press('Control+P');
  await bench.quickInput().fill('slugify.ts');
  await bench.pick('slugify.ts');
  await bench.waitForTab(/^slugify\.ts$/);
  await bench.page.locator('.editor-instance .view-lines').first().click();
  await bench.page.keyboard.press('Control+Z');
  await eventually(() => expect(Object.keys(contentsOf(project))).toEqual(Object.keys(before)));
  await bench.page.keyboard.press('Control+S');
  await eventually(() => expect(contentsOf(project)).toEqual(before));
}

test.for(['in-process', 'temporal'])(
  'three agents, from the fork panel to undo: %s',
  { timeout: 300_000 },
  async (engine, { browser }) => {
    const { project, workbench: bench } = await openEditor(browser, engine);
    const before = contentsOf(project);
    const reload = async () => {
      await bench.layoutWith(commits.name);
      await bench.reload();
      await bench.openForkpointView();
      await bench.panel().locator('.fidelity.exact').waitFor();
    };
    await forkInto(bench, engine);
    await bench.panel().locator('footer vscode-button', { hasText: 'Run 3 branches' }).click();
    await bench.answerDialog('Run 3 branches');

    // Two of them come to a command that nobody has allowed.
    const asking = ['+1 −1 in 1 file · tests pass', `asks: ${commitCommand} · 2 files`, `asks: ${listCommand}`];
    await eventually(async () => expect(await progress(bench)).toEqual(asking));
    if (engine === 'temporal') await reload();
    await eventually(async () => expect(await progress(bench)).toEqual(asking));
    await bench.row('Runs', `asks: ${listCommand}`).waitFor();
    await bench.screenshot(`agent-journey-${engine}-asking`);
    await answerBoth(bench);
    if (engine === 'in-process') await reload();
    await eventually(async () => {
      expect(await progress(bench)).toEqual([
        '+1 −1 in 1 file · tests pass',
        '+2 −1 in 2 files · tests pass',
        '+1 −0 in 1 file · tests fail',
      ]);
    });
    expect(contentsOf(project)).toEqual(before);

    await bench.expand('Runs', recordedPrompt);
    await bench.expand('Runs', commits.name);
    await eventually(async () => {
      const rows = (await bench.treeRows('Runs')).map(({ label, description }) => `${label} | ${description}`);
      expect(rows.map((row) => row.replace(/ · [$\d].*/, ''))).toEqual([
        `${recordedPrompt} | 3 branches`,
        'as recorded | Opus 5.5 · +1 −1 · tests pass',
        `${commits.name} | Opus 5.5 · +2 −1 · tests pass`,
        'slugify.test.ts | ',
        'slugify.ts | ',
        expect.stringMatching(/^Strip emoji \| [0-9a-f]{8}$/),
        'tests | passed',
        `${asks.name} | Opus 5.5 · +1 −0 · tests fail`,
        'fork point | tests fail',
      ]);
    });
    await bench.screenshot(`agent-journey-${engine}-done`);

    await bench.panel().locator('footer vscode-button', { hasText: 'Compare' }).click();
    await bench.waitForTab(`All branches ↔ recorded · ${recordedPrompt}`);
    await bench.waitForTab(`Comparison · ${recordedPrompt}`);
    await eventually(async () => {
      expect(await bench.page.locator('.multiDiffEditor').innerText()).toContain('normalize');
      const table = await bench.panel().locator('tbody tr').allInnerTexts();
      expect(table[2]).toMatch(/^strip and commit\s[^]*\+2 −1 in 2 files\s+failed before, passes/);
    });
    await bench.screenshot(`agent-journey-${engine}-compared`);
    await applyAndUndo(bench, project);
  },
);
