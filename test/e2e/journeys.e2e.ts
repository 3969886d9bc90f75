import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, expect, onTestFinished } from 'vitest';
import { type CodeServer, cleanEnvironment } from '../../scripts/codeServer.ts';
import { run } from '../../scripts/tools/run.ts';
import { findTemporal } from '../../scripts/tools/temporalCli.ts';
import { ensureTools } from '../../scripts/tools.ts';
import { freePort } from '../../src/adapters/freePort.ts';
import { type MessagesApi, type ReceivedRequest, type Reply, startMessagesApi } from '../support/messagesApi.ts';
import { recordSessions } from '../support/recordSessions.ts';
import { digestFolder } from './support/digestFolder.ts';
import { startEditor } from './support/editor.ts';
import { test } from './support/sharedWindow.ts';
import { Workbench } from './support/workbench.ts';

// The whole way of a person, over a session that the real Claude Code recorded, with a stand-in for the API on loopback.

let scratch: string;
let server: CodeServer;
let workbench: Workbench;
let api: MessagesApi;
let recordedDigest: string;
let claudeDir: string;
let temporalAddress = '';
/** What the stand-in answers; each test sets its own. */
let answer: (request: ReceivedRequest) => Reply | undefined = () => undefined;

const question = 'And of Germany?';
/** Text of the last message that is the person's: Claude Code may put one with the role `system` behind it. */
const lastText = (request: ReceivedRequest): string => {
  type Message = { role: string; content: string | { text?: string }[] };
  const { content } = (request.body.messages as Message[]).findLast(({ role }) => role === 'user') ?? { content: '' };
  return typeof content === 'string' ? content : content.map(({ text }) => text ?? '').join(' ');
};

test.beforeAll(async ({ browser }) => {
  const missing = await ensureTools(['temporal', 'claude-code-2.1.329']);
  if (missing.length > 0) throw new Error(`The journeys need ${missing.join(' and ')}.`);
  const recording = (await recordSessions('plain')).at(0);
  if (recording === undefined) throw new Error('No recording "plain".');
  scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-journeys-'));
  claudeDir = path.join(scratch, 'claude');
  await cp(path.join(recording.claudeDir, 'projects'), path.join(claudeDir, 'projects'), { recursive: true });
  recordedDigest = await digestFolder(claudeDir);
  const workspace = path.join(scratch, 'workspace');
  await mkdir(workspace);
  api = await startMessagesApi((request) => answer(request), { models: ['claude-haiku-4-5', 'claude-opus-4-5'] });
  temporalAddress = `127.0.0.1:${await freePort()}`;
  server = await startEditor({
    workspace,
    settings: {
      'forkpoint.temporal.address': temporalAddress,
      'diffEditor.renderSideBySide': true,
    },
    env: {
      CLAUDE_CONFIG_DIR: claudeDir,
      FORKPOINT_HOME: path.join(scratch, 'forkpoint'),
      ANTHROPIC_BASE_URL: api.baseUrl,
      ANTHROPIC_API_KEY: 'sk-ant-test',
      TEMPORAL_CLI: findTemporal() ?? '',
    },
  });
  workbench = await Workbench.open(browser, server.url);
  await workbench.openForkpointView();
});

afterEach(async ({ task }) => {
  if (task.result?.state === 'fail')
    await workbench?.keepPicture(`failed-${task.name.replace(/\W+/g, '-').slice(0, 60)}`);
});

afterAll(async () => {
  await workbench?.close();
  await server?.stop();
  if (temporalAddress !== '') {
    await run(process.execPath, ['dist/cli.js', 'temporal', 'stop', '--address', temporalAddress], {
      cwd: path.resolve(import.meta.dirname, '../..'),
      env: cleanEnvironment(scratch, { FORKPOINT_HOME: path.join(scratch, 'forkpoint') }),
    });
  }
  await api?.close();
  await rm(scratch, { recursive: true, force: true });
});

/** Opens a fresh fork panel before "And of Germany?". */
async function openPanel() {
  await workbench.runCommand('View: Close All Editors');
  const project = workbench.view('Sessions').locator('.monaco-list-row[aria-level="1"]').first();
  await workbench.expand('Sessions', (await project.locator('.label-name').textContent()) ?? '');
  await workbench.expand('Sessions', '3 turns');
  await workbench.chooseFromContextMenu('Sessions', question, 'Fork from Here…');
  const panel = workbench.panel();
  await panel.locator('.fidelity.exact').waitFor();
  const startOver = panel.getByRole('button', { name: 'Start Over' });
  if (await startOver.isVisible()) await startOver.click();
  return {
    panel,
    prompt: panel.getByRole('textbox', { name: 'Prompt for all branches' }),
    names: panel.locator('.branch input.name'),
    primary: panel.locator('footer vscode-button').last(),
    addBranch: panel.getByRole('button', { name: 'Branch', exact: true }),
  };
}

/** Text of one side of the diff editor that is open. */
async function diffSide(side: 'original' | 'modified'): Promise<string> {
  const lines = workbench.page.locator(`.monaco-diff-editor .editor.${side} .view-line`);
  await lines.first().waitFor();
  return (await lines.allTextContents()).join('\n').replaceAll('\u00a0', ' ');
}

test('fork from a turn, edit the prompt, run in this window, read what differs', async () => {
  answer = (request) => ({ content: lastText(request).includes('Spain') ? 'Madrid it is.' : 'Berlin, of course.' });
  const before = api.requests.length;
  const { panel, prompt, addBranch, names, primary } = await openPanel();
  await expect.poll(() => panel.locator('#run-facts').textContent()).toContain('127.0.0.1');
  await prompt.fill('And of Spain?');
  await addBranch.click();
  await names.nth(1).fill('second');
  await expect.poll(() => primary.textContent()).toContain('Run 2 branches');
  await primary.click();
  await panel.locator('footer vscode-button', { hasText: 'Compare' }).waitFor();
  expect(api.requests.length - before).toBe(2);
  const sent = api.requests.slice(before).map(lastText);
  expect(sent.every((text) => text.includes('And of Spain?') && !text.includes(question))).toBe(true);
  expect(api.requests.slice(before).map(({ headers }) => headers.authorization)).toEqual([
    'Bearer sk-ant-test',
    'Bearer sk-ant-test',
  ]);
  await workbench.screenshot('journey-panel-done');

  await workbench.runCommand('View: Close All Editors');
  await workbench.expand('Runs', 'And of Spain?');
  await workbench.inlineAction('Runs', 'second', 'Compare with Recorded');
  await workbench.waitForTab(/^second ↔ recorded/);
  expect(await diffSide('original')).toContain('Berlin.');
  expect(await diffSide('original')).not.toContain('Madrid');
  expect(await diffSide('modified')).toContain('Madrid it is.');
  await workbench.screenshot('journey-diff');
});

test('two branches are compared by Select for Compare and Compare with Selected', async () => {
  await workbench.runCommand('View: Close All Editors');
  await workbench.expand('Runs', '2 branches');
  await workbench.chooseFromContextMenu('Runs', 'as recorded', 'Select for Compare');
  await workbench.chooseFromContextMenu('Runs', 'second', 'Compare with Selected');
  await workbench.waitForTab(/as recorded ↔ second|second ↔ as recorded/);
  // Both answered alike, so the one document has both texts.
  expect(await diffSide('modified')).toContain('Madrid it is.');
});

test('the same on Temporal: the server is started from here, and nothing switches silently', async () => {
  answer = () => ({ content: 'Bonn, once.' });
  const before = api.requests.length;
  const { panel, names, primary } = await openPanel();
  await names.nth(0).fill('durable');
  await workbench.runCommand('Forkpoint: Start Temporal Dev Server');
  await workbench.statusBarItem(/Temporal/).waitFor({ timeout: 60_000 });
  await panel.getByRole('radio', { name: /Temporal/ }).click();
  await expect.poll(() => primary.textContent()).toContain('Run 1 branch');
  await primary.click();
  await panel.locator('footer vscode-button', { hasText: 'Compare' }).waitFor({ timeout: 60_000 });
  expect(api.requests.length - before).toBe(1);
  await workbench.screenshot('journey-temporal');
  await workbench.expand('Runs', '1 branch');
  await workbench.inlineAction('Runs', 'durable', 'Compare with Recorded');
  await workbench.waitForTab(/^durable ↔ recorded/);
  expect(await diffSide('modified')).toContain('Bonn, once.');
});

test('a run on Temporal goes on while the window is closed, and is there again after', async ({ browser }) => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  answer = () => ({ content: 'It went on without you.', between: (chunk) => (chunk === 1 ? gate : undefined) });
  const { panel, names, primary } = await openPanel();
  await names.nth(0).fill('outlives');
  await panel.getByRole('radio', { name: /Temporal/ }).click();
  await expect.poll(() => primary.textContent()).toContain('Run 1 branch');
  const before = api.requests.length;
  await primary.click();
  await api.received(before + 1);
  await workbench.close();
  release();
  workbench = await Workbench.open(browser, server.url);
  await workbench.openForkpointView();
  await workbench.row('Runs', '1 branch').waitFor();
  await workbench.expand('Runs', '1 branch');
  await workbench.row('Runs', 'outlives').waitFor();
  await expect
    .poll(async () => (await workbench.treeRows('Runs')).find(({ label }) => label === 'outlives')?.ariaLabel, {
      timeout: 30_000,
    })
    .toMatch(/completed/i);
  expect(api.requests.length).toBe(before + 1);
});

test('a reload in mid-run interrupts a run of this window; Resume asks only what is missing', async () => {
  const never = new Promise<void>(() => {});
  let hanging = true;
  answer = (request) =>
    lastText(request).includes('slow') && hanging
      ? { content: 'Half of it, and never more.', between: (chunk) => (chunk === 1 ? never : undefined) }
      : { content: `Answer to ${lastText(request).includes('slow') ? 'slow' : 'quick'}.` };
  const { panel, prompt, names, addBranch, primary } = await openPanel();
  await prompt.fill('quick question');
  await names.nth(0).fill('fast one');
  await addBranch.click();
  await names.nth(1).fill('slow one');
  await panel.getByRole('button', { name: /^prompt of slow one/ }).click();
  await panel.getByRole('textbox', { name: 'Prompt of slow one' }).fill('slow question');
  await expect.poll(() => primary.textContent()).toContain('Run 2 branches');
  const before = api.requests.length;
  await primary.click();
  await panel.locator('.run-branch.completed').waitFor();
  await workbench.reload();
  await workbench.openForkpointView();
  const row = workbench.row('Runs', 'quick question');
  await row.waitFor();
  await expect.poll(() => row.getAttribute('aria-label'), { timeout: 30_000 }).toMatch(/interrupted/i);
  hanging = false;
  await workbench.chooseFromContextMenu('Runs', 'quick question', 'Resume');
  await workbench.answerDialog('Resume 1 branch');
  await expect.poll(() => row.getAttribute('aria-label'), { timeout: 30_000 }).toMatch(/completed|done/i);
  const asked = api.requests.slice(before).map((request) => (lastText(request).includes('slow') ? 'slow' : 'quick'));
  expect(asked.sort()).toEqual(['quick', 'slow', 'slow']);
});

test('Replay Session… sends the recorded prompts in order to another model', async () => {
  const seen: string[] = [];
  answer = (request) => {
    const place = /of (France|Germany|Italy)/.exec(lastText(request))?.[1] ?? lastText(request);
    seen.push(`${request.body.model} ${place}`);
    return { content: 'Some capital.' };
  };
  await workbench.runCommand('Forkpoint: Replay Session');
  const step = async (placeholder: string) => {
    await workbench.asked(placeholder);
    await workbench.quickPickRows().first().waitFor();
    await workbench.page.keyboard.press('Enter');
  };
  await step('Session');
  await workbench.asked('First turn');
  await workbench.pick('France');
  await workbench.asked('Models');
  await workbench.quickInput().fill('claude-haiku-4-5');
  await workbench
    .quickPickRows()
    .filter({ hasText: /Haiku 4.5|claude-haiku-4-5/ })
    .first()
    .waitFor();
  await workbench.page.keyboard.press('ArrowDown');
  await workbench.page.keyboard.press('Space');
  await workbench.page.keyboard.press('Enter');
  await workbench.pick(/window/i);
  const confirmation = workbench.quickPickRows().first();
  await confirmation.filter({ hasText: /Replay|Run/ }).waitFor();
  expect(await confirmation.textContent()).toContain('127.0.0.1');
  await workbench.page.keyboard.press('Enter');
  await workbench.notification(/capital of France.*done/).waitFor({ timeout: 30_000 });
  expect(seen.filter((line) => line.startsWith('claude-haiku-4-5'))).toEqual([
    'claude-haiku-4-5 France',
    'claude-haiku-4-5 Germany',
    'claude-haiku-4-5 Italy',
  ]);
});

test('a wrong key is said as such, with the way to set another', async () => {
  answer = () => ({ status: 401, message: 'invalid x-api-key' });
  const { panel, primary, names } = await openPanel();
  await names.nth(0).fill('no key');
  await expect.poll(() => primary.textContent()).toContain('Run 1 branch');
  const before = api.requests.length;
  await primary.click();
  await workbench
    .notification(/API key/i)
    .getByRole('button', { name: 'Set API Key' })
    .waitFor();
  await panel.locator('.run-branch.failed').waitFor();
  expect(api.requests.length - before).toBe(1);
});

test.each(['light', 'dark', 'hcDark', 'hcLight'] as const)(
  'looks right and is accessible in %s, wide and narrow',
  async (theme) => {
    answer = () => ({ content: 'Fine.' });
    onTestFinished(() => workbench.setViewport(1400, 900));
    await openPanel();
    await workbench.setTheme(theme);
    await workbench.screenshot(`journey-${theme}-wide`);
    expect(await workbench.axeOnPanel()).toEqual([]);
    await workbench.setViewport(760, 900);
    await workbench.screenshot(`journey-${theme}-narrow`);
    expect(await workbench.axeOnPanel()).toEqual([]);
  },
);

test('nothing recorded was changed by any of it', async () => {
  expect(await digestFolder(claudeDir)).toBe(recordedDigest);
});
