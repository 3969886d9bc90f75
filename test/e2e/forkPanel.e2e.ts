import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { type SharedWindow, test } from './support/sharedWindow.ts';
import type { Theme, Workbench } from './support/workbench.ts';

let scratch: string;
let workbench: Workbench;

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-panel-'));
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

let copies = 0;

/** The window on a copy of the sample session: half-filled forks are kept by the session's file. */
async function openWorkbench(shared: SharedWindow) {
  const folder = path.join(scratch, String(++copies));
  const claudeDir = path.join(folder, 'claude');
  await cp(path.resolve(import.meta.dirname, '../../demo/claude'), claudeDir, { recursive: true });
  workbench = await shared.show({ claudeDir, home: path.join(folder, 'forkpoint') });
}

afterEach(async ({ task }) => {
  if (task.result?.state === 'fail')
    await workbench?.keepPicture(`failed-${task.name.replace(/\W+/g, '-').slice(0, 60)}`);
});

const prompt = 'Now handle emoji';

/** Opens the panel on the turn “Now handle emoji” of the sample session. */
async function openPanel() {
  await workbench.openForkpointView();
  await workbench.row('Sessions', 'slug-tools').waitFor();
  await workbench.expand('Sessions', 'slug-tools');
  await workbench.expand('Sessions', 'slugify');
  await workbench.chooseFromContextMenu('Sessions', prompt, 'Fork from Here…');
  const panel = workbench.panel();
  await panelParts().prompt.waitFor();
  return panel;
}

function panelParts() {
  const panel = workbench.panel();
  return {
    point: panel.locator('h1 .point'),
    prompt: panel.getByRole('textbox', { name: 'Prompt for all branches' }),
    names: panel.locator('.branch input.name'),
    primary: panel.locator('footer vscode-button').last(),
  };
}

/** For the browser: what a transcript would try that came through as HTML, and messages that nobody should act on. */
const attack = `(async () => {
  const seen = [];
  document.addEventListener('securitypolicyviolation', (event) => seen.push(event.effectiveDirective));
  const script = document.createElement('script');
  script.textContent = 'window.injected = true';
  document.body.append(script);
  const image = document.createElement('img');
  image.src = 'https://example.invalid/x.png';
  document.body.append(image);
  window.postMessage({ event: 'run', data: { runId: '../..' } }, '*');
  window.postMessage({ id: 1, result: null }, '*');
  await new Promise((resolve) => setTimeout(resolve, 200));
  await new Promise((resolve) => setTimeout(resolve, 200));
  script.remove();
  image.remove();
  return { seen, injected: 'injected' in window };
})()`;

describe('an open fork panel', () => {
  test.beforeAll(async ({ shared }) => {
    await openWorkbench(shared);
    await openPanel();
  });

  test('stands at the turn that was right-clicked and says what would be sent', async () => {
    const panel = workbench.panel();
    const { point, prompt: editor, primary } = panelParts();
    await panel.locator('.fidelity.exact').waitFor();
    expect(await point.textContent()).toContain(prompt);
    expect(await editor.inputValue()).toBe(prompt);
    expect(await panel.locator('.row.baseline').count()).toBeGreaterThan(0);
    expect(await panel.locator('#run-facts').textContent()).toMatch(/1 request to the offline demo model.*not billed/s);
    expect(await primary.textContent()).toContain('Run 1 branch');
    await workbench.screenshot('fork-panel');
  });

  test('accepts no malformed message and runs nothing but its own script', async () => {
    const frame = await (await workbench.panel().locator('body').elementHandle())?.ownerFrame();
    const violations = await frame?.evaluate(attack);
    expect(violations).toEqual({ seen: expect.arrayContaining(['script-src-elem', 'img-src']), injected: false });
    expect(await panelParts().point.textContent()).toContain(prompt);
  });

  test('a problem stands beside its field and holds the run back', async () => {
    const panel = workbench.panel();
    const repeats = panel.getByRole('textbox', { name: /^Repeats of/ });
    await repeats.fill('0');
    const problem = panel.locator('.problem', { hasText: 'Repeats are a whole number from 1 to 50.' });
    await problem.waitFor();
    expect(await repeats.getAttribute('aria-invalid')).toBe('true');
    expect(await repeats.getAttribute('aria-describedby')).toBe(await problem.getAttribute('id'));
    expect(await panelParts().primary.getAttribute('disabled')).not.toBeNull();
    await repeats.fill('1');
    await problem.waitFor({ state: 'detached' });
  });

  describe('with everything unfolded', () => {
    beforeAll(async () => {
      const panel = workbench.panel();
      await panel.getByRole('button', { name: /^system of/ }).click();
      await panel.getByRole('button', { name: /^options of/ }).click();
      await workbench.runCommand('View: Close Primary Side Bar');
    });

    test.each<[Theme, number]>([
      ['light', 1280],
      ['dark', 760],
      ['hcDark', 1280],
      ['hcLight', 560],
      ['dark', 430],
    ])('has no serious accessibility problem in %s at %i px', async (theme, width) => {
      const panel = workbench.panel();
      await workbench.setViewport(1400, 900);
      await workbench.setTheme(theme);
      await workbench.setViewport(width, 900);
      expect(await workbench.axeOnPanel()).toEqual([]);
      const frame = await (await panel.locator('body').elementHandle())?.ownerFrame();
      expect(await frame?.evaluate('document.documentElement.scrollWidth - window.innerWidth')).toBeLessThanOrEqual(0);
      await workbench.screenshot(`fork-panel-${theme}-${width}`);
    });
  });
});

describe('the fork panel', () => {
  test.beforeEach(({ shared }) => openWorkbench(shared));

  test('varies over models, runs the branches, and ends at Compare', async () => {
    const panel = await openPanel();
    await panel.getByRole('button', { name: 'Vary over…' }).click();
    await panel.getByRole('menuitem', { name: 'Models…' }).click();
    await panel.locator('.tick').first().waitFor();
    // The recorded model is there already: the branch “as recorded” has it.
    expect(await panel.locator('.tick input:checked').count()).toBe(1);
    await panel.locator('.tick:has(input:not(:checked))').first().click();
    await panel.getByRole('textbox', { name: 'Id of another model' }).fill('claude-haiku-4-5');
    await panel.getByRole('textbox', { name: 'Id of another model' }).press('Enter');
    const rows = await panelParts().names.count();
    expect(rows).toBeGreaterThanOrEqual(3);
    await workbench.screenshot('fork-panel-vary');
    await panel.getByRole('button', { name: 'Close' }).click();
    const run = panel.locator('footer vscode-button', { hasText: `Run ${rows} branches` });
    await run.dblclick();
    await panel.locator('.run-branch.running').first().waitFor();
    await workbench.screenshot('fork-panel-running');
    await panel.locator('footer vscode-button', { hasText: 'Compare' }).waitFor();
    expect(await panel.locator('.run-branch.completed').count()).toBe(rows);
    expect(await workbench.axeOnPanel()).toEqual([]);
    await workbench.screenshot('fork-panel-done');
    // The double click was one run.
    expect((await workbench.treeRows('Runs')).filter(({ level }) => level === 1)).toHaveLength(1);
    await panel.getByRole('button', { name: /^Compare as recorded with recorded/ }).click();
    await workbench.waitForTab('as recorded ↔ recorded');
  });

  test('is made with the keyboard alone', async () => {
    const panel = await openPanel();
    const { point, prompt: editor, names } = panelParts();
    await editor.focus();
    // The editor hands the focus to a panel that it has just opened; what is typed before goes to the tree.
    await expect.poll(() => editor.evaluate((element) => element.ownerDocument.hasFocus())).toBe(true);
    await editor.press('ControlOrMeta+a');
    await workbench.page.keyboard.type('In one line.');
    await expect.poll(() => editor.inputValue()).toBe('In one line.');
    await workbench.page.keyboard.press('Alt+ArrowUp');
    await expect.poll(() => point.textContent()).not.toContain(prompt);
    await workbench.page.keyboard.press('Alt+ArrowDown');
    await expect.poll(() => point.textContent()).toContain(prompt);
    expect(await editor.inputValue()).toBe('In one line.');
    await panel.getByRole('button', { name: 'Branch', exact: true }).focus();
    await workbench.page.keyboard.press('Enter');
    await names.nth(1).focus();
    await workbench.page.keyboard.press('Alt+Shift+ArrowUp');
    await expect.poll(() => names.nth(0).inputValue()).toBe('branch 2');
    await panel.locator('footer vscode-button', { hasText: 'Run 2 branches' }).waitFor();
    await workbench.page.keyboard.press('ControlOrMeta+Enter');
    await panel.locator('.run-branch').nth(1).waitFor();
    await panel.locator('footer vscode-button', { hasText: 'Compare' }).waitFor();
  });

  /** Fills a fork in up to where it can't be run, and gives the check that it is still there. */
  async function halfFilled() {
    const panel = await openPanel();
    const { prompt: editor, names } = panelParts();
    await editor.fill('Half a thought');
    await panel.getByRole('button', { name: 'Branch', exact: true }).click();
    await names.nth(1).fill('');
    await panel.locator('.problem', { hasText: 'Give the branch a name.' }).waitFor();
    return async () => {
      // After a reload the extension host starts before it.
      await names.nth(1).waitFor({ timeout: 60_000 });
      expect(await editor.inputValue()).toBe('Half a thought');
      expect(await names.nth(1).inputValue()).toBe('');
    };
  }

  test('a half-filled fork survives hiding, reloading and closing', async () => {
    const kept = await halfFilled();
    await workbench.runCommand('Create: New File...');
    await workbench.pick('Text File');
    await workbench.waitForTab('Untitled');
    const tab = workbench.page.locator('.tabs-container .tab', { hasText: 'Fork:' });
    await tab.click();
    await kept();
    await workbench.layoutWith('Half a thought');
    await workbench.reload();
    await tab.click();
    await kept();
    await workbench.runCommand('View: Close Editor');
    const panel = await openPanel();
    await kept();
    expect(await panel.getByText('Taken up where you left it.').count()).toBe(1);
    await panel.getByRole('button', { name: 'Start Over' }).click();
    await expect.poll(() => panelParts().prompt.inputValue()).toBe(prompt);
  });

  test('a reload before the editor wrote anything down loses nothing either', async () => {
    const kept = await halfFilled();
    await workbench.reload();
    await openPanel();
    await kept();
    expect(await panelParts().names.count()).toBe(2);
  });
});
