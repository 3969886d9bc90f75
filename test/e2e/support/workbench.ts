import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import axe, { type AxeResults } from 'axe-core';
import type { BrowserContext, FrameLocator, Locator, Page } from 'playwright-core';

export type Theme = 'light' | 'dark' | 'hcDark' | 'hcLight';

const themes: Record<Theme, { setting: string; workbenchClass: string }> = {
  light: { setting: 'Light Modern', workbenchClass: 'vs' },
  dark: { setting: 'Dark Modern', workbenchClass: 'vs-dark' },
  hcDark: { setting: 'Dark High Contrast', workbenchClass: 'hc-black' },
  hcLight: { setting: 'Light High Contrast', workbenchClass: 'hc-light' },
};

const artifacts = path.resolve(import.meta.dirname, '../../../artifacts/screenshots');

/** For the browser: whether the stored layout of the open editors holds a text. */
const layoutHolds = (text: string) => `(async () => {
  for (const { name } of await indexedDB.databases()) {
    if (!name.startsWith('vscode-web-state-db-')) continue;
    const database = await new Promise((resolve, reject) => {
      const opening = indexedDB.open(name);
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = () => reject(opening.error);
    });
    const values = await new Promise((resolve, reject) => {
      const reading = database.transaction('ItemTable').objectStore('ItemTable').getAll();
      reading.onsuccess = () => resolve(reading.result);
      reading.onerror = () => reject(reading.error);
    }).finally(() => database.close());
    if (values.some((value) => String(value).includes(${JSON.stringify(text)}) && String(value).includes('editor'))) return true;
  }
  return false;
})()`;

/** A row of a tree as a person and a screen reader get it. */
export interface TreeRow {
  label: string;
  description: string;
  level: number;
  expanded: boolean | null;
  ariaLabel: string;
}

/** The editor in a browser, in the words of a person who uses it. Every method waits for what it names. */
export class Workbench {
  readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  /**
   * Opens the address and waits until the editor stands. It knows nothing of an editor that was at this address before: what
   * that stored in the browser is cleared, but for the browser's caches.
   */
  static async open(browser: BrowserContext, url: string, viewport = { width: 1400, height: 900 }): Promise<Workbench> {
    const page = await browser.newPage();
    page.setDefaultTimeout(30_000);
    page.setDefaultNavigationTimeout(60_000);
    await page.setViewportSize(viewport);
    const devTools = await browser.newCDPSession(page);
    await devTools.send('Storage.clearDataForOrigin', {
      origin: new URL(url).origin,
      storageTypes: 'cookies,local_storage,indexeddb',
    });
    await devTools.detach();
    const workbench = new Workbench(page);
    await page.goto(url);
    await workbench.ready();
    return workbench;
  }

  /** Waits until the editor has started, also after `reload`. */
  async ready(): Promise<void> {
    await this.page.locator('.monaco-workbench .part.activitybar').waitFor({ timeout: 60_000 });
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor();
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.ready();
  }

  /**
   * Waits until the editor has written down a layout with this text, as a panel's state for example: in a browser it does so
   * once a minute, on a desktop when it is closed.
   */
  async layoutWith(text: string): Promise<void> {
    const until = performance.now() + 90_000;
    while (!(await this.page.evaluate<boolean>(layoutHolds(text)))) {
      if (performance.now() > until) throw new Error(`No stored layout has “${text}”.`);
      await this.page.waitForTimeout(200);
    }
  }

  async close(): Promise<void> {
    await this.page.close();
  }

  /** Clicks the Activity Bar icon, unless the view stands open. */
  async openForkpointView(): Promise<void> {
    const icon = this.page.locator('.part.activitybar').getByRole('tab', { name: /^Forkpoint/ });
    const sessions = this.view('Sessions');
    await icon.waitFor();
    for (let attempt = 1; attempt <= 5; attempt++) {
      if ((await icon.getAttribute('aria-selected')) !== 'true') await icon.click();
      // A click while the editor still restores the view closes it again: then the next round opens it.
      if (
        await sessions.waitFor({ timeout: 3_000 }).then(
          () => true,
          () => false,
        )
      )
        return;
    }
    throw new Error('The Forkpoint view did not open.');
  }

  /** The section of a view in the side bar, by its title. */
  view(title: string): Locator {
    return this.page
      .locator('.part.sidebar .pane')
      .filter({ has: this.page.locator('.pane-header', { hasText: new RegExp(`^\\s*${title}`, 'i') }) });
  }

  /** Runs a command through the Command Palette, by its full title. */
  async runCommand(title: string): Promise<void> {
    const rows = this.quickPickRows().filter({ hasText: title });
    for (let attempt = 1; ; attempt++) {
      await this.page.keyboard.press('F1');
      try {
        await this.quickInput().fill(`>${title}`, { timeout: 3_000 });
        await rows.first().click({ timeout: 5_000 });
        return;
      } catch (error) {
        // What opens at the same moment (a panel, a notification) may take the focus, and that closes the palette.
        if (attempt === 3) throw error;
        await this.page.keyboard.press('Escape');
      }
    }
  }

  /** The text field of the open QuickPick or input box. */
  quickInput(): Locator {
    return this.page.locator('.quick-input-widget:visible input.input');
  }

  /** Waits until the quick input asks this: what is typed before goes to the question that stood there. */
  async asked(placeholder: string): Promise<void> {
    await this.page.locator(`.quick-input-widget:visible input[placeholder^="${placeholder}"]`).waitFor();
  }

  /** Takes what the quick input offers first. */
  async accept(placeholder: string): Promise<void> {
    await this.asked(placeholder);
    await this.page.keyboard.press('Enter');
  }

  /** Rows of the open QuickPick. */
  quickPickRows(): Locator {
    return this.page.locator('.quick-input-widget:visible .monaco-list-row');
  }

  /** Picks the first row of the open QuickPick that has this text. */
  async pick(text: string | RegExp): Promise<void> {
    await this.quickPickRows().filter({ hasText: text }).first().click();
  }

  /** Rows of a view's tree that are in the DOM, top to bottom. */
  async treeRows(view: string): Promise<TreeRow[]> {
    return this.view(view)
      .locator('.monaco-list-row')
      .evaluateAll((rows) =>
        rows
          .sort((a, b) => Number(a.getAttribute('data-index')) - Number(b.getAttribute('data-index')))
          .map((row) => ({
            label: row.querySelector('.label-name')?.textContent ?? row.textContent ?? '',
            description: row.querySelector('.label-description')?.textContent ?? '',
            level: Number(row.getAttribute('aria-level')),
            expanded: row.hasAttribute('aria-expanded') ? row.getAttribute('aria-expanded') === 'true' : null,
            ariaLabel: row.getAttribute('aria-label') ?? '',
          })),
      );
  }

  /** One row of a tree, by text of it. */
  row(view: string, text: string | RegExp): Locator {
    return this.view(view).locator('.monaco-list-row').filter({ hasText: text }).first();
  }

  /** Expands a row with the keyboard, as its click may open something. */
  async expand(view: string, text: string | RegExp): Promise<void> {
    const row = this.row(view, text);
    await row.waitFor();
    if ((await row.getAttribute('aria-expanded')) === 'true') return;
    await row.locator('.monaco-tl-twistie').click();
    await this.page.waitForFunction(
      (element) => element?.getAttribute('aria-expanded') === 'true',
      await row.elementHandle(),
    );
  }

  /** Collapses every row of a view. */
  async collapseAll(view: string): Promise<void> {
    await this.view(view).hover();
    await this.view(view).getByRole('button', { name: 'Collapse All' }).click();
    await this.view(view).locator('.monaco-list-row[aria-expanded="true"]').first().waitFor({ state: 'detached' });
  }

  /** Titles of a row's context menu, which stays open. */
  async openContextMenu(view: string, text: string | RegExp): Promise<string[]> {
    const items = this.page.locator('.monaco-menu .action-item:not(.disabled) [role=menuitem]');
    for (let attempt = 1; ; attempt++) {
      await this.row(view, text).click({ button: 'right' });
      try {
        await items.first().waitFor({ timeout: 3_000 });
        break;
      } catch (error) {
        // Just after a reload the editor does not yet know that the workspace is trusted: a menu opened then stays grey.
        if (attempt === 5) throw error;
        await this.page.keyboard.press('Escape');
      }
    }
    return (await items.locator('.action-label').allTextContents()).filter((title) => title !== '');
  }

  /** Chooses an entry of a row's context menu. */
  async chooseFromContextMenu(view: string, text: string | RegExp, title: string): Promise<void> {
    const menu = this.page.locator('.monaco-menu');
    const item = menu.getByRole('menuitem', { name: title });
    await this.openContextMenu(view, text);
    // Just after a reload the editor does not yet know that the workspace is trusted: an entry that was grey then stays so.
    for (let attempt = 1; attempt < 10 && !(await item.isEnabled()); attempt++) {
      await this.page.keyboard.press('Escape');
      await menu.waitFor({ state: 'hidden' });
      await this.page.waitForTimeout(1_000);
      await this.openContextMenu(view, text);
    }
    // A menu ignores the mouse for a moment after it opened, so that the click that opened it chooses nothing.
    while (await menu.isVisible()) {
      await item.click();
      await menu.waitFor({ state: 'hidden', timeout: 500 }).catch(() => undefined);
    }
  }

  /** Hovers a row and clicks its inline action. */
  async inlineAction(view: string, text: string | RegExp, title: string | RegExp): Promise<void> {
    const row = this.row(view, text);
    await row.hover();
    await row.getByRole('button', { name: title }).click();
  }

  /** Content of the fork panel that is on top. */
  panel(): FrameLocator {
    return this.page.frameLocator('iframe.webview.ready:visible').frameLocator('iframe#active-frame');
  }

  /** Titles of the open editor tabs, left to right. */
  async tabs(): Promise<string[]> {
    const tabs = this.page.locator('.part.editor .tabs-container .tab');
    return tabs.evaluateAll((elements) => elements.map((tab) => tab.querySelector('.label-name')?.textContent ?? ''));
  }

  async waitForTab(title: string | RegExp, options: { timeout?: number } = {}): Promise<void> {
    await this.page.locator('.part.editor .tabs-container .tab').filter({ hasText: title }).first().waitFor(options);
  }

  /** A notification with this text. */
  notification(text: string | RegExp): Locator {
    return this.page.locator('.notifications-toasts .notification-list-item').filter({ hasText: text }).first();
  }

  /** A status bar item with this text. */
  statusBarItem(text: string | RegExp): Locator {
    return this.page.locator('.part.statusbar .statusbar-item').filter({ hasText: text }).first();
  }

  /** Answers a modal dialog. */
  async answerDialog(button: string | RegExp): Promise<void> {
    await this.page.locator('.monaco-dialog-box').getByRole('button', { name: button }).click();
  }

  async setTheme(theme: Theme): Promise<void> {
    await this.runCommand('Preferences: Color Theme');
    await this.quickInput().fill(themes[theme].setting);
    await this.quickPickRows().filter({ hasText: themes[theme].setting }).first().click();
    await this.page.locator(`.monaco-workbench.${themes[theme].workbenchClass}`).first().waitFor();
  }

  async setViewport(width: number, height: number): Promise<void> {
    await this.page.setViewportSize({ width, height });
  }

  /** Keeps a picture of a step where FORKPOINT_PICTURES is set: drawing one costs more than most steps. */
  async screenshot(name: string): Promise<void> {
    if (process.env['FORKPOINT_PICTURES']) await this.keepPicture(name);
  }

  /** Keeps a picture in artifacts/screenshots/NAME.png, outside of git. */
  async keepPicture(name: string): Promise<void> {
    await mkdir(artifacts, { recursive: true });
    await this.page.screenshot({ path: path.join(artifacts, `${name}.png`), animations: 'disabled' });
  }

  /** Serious and critical accessibility problems of the panel on top, as `rule: what is wrong: where`. */
  async axeOnPanel(): Promise<string[]> {
    const body = await this.panel().locator('body').elementHandle();
    const frame = await body?.ownerFrame();
    if (!frame) throw new Error('No panel is open.');
    // Evaluated from outside, so the panel's CSP holds for the panel and not for axe.
    if (!(await frame.evaluate<boolean>("'axe' in window"))) await frame.evaluate(axe.source);
    const { violations } = await frame.evaluate<AxeResults>('axe.run(document)');
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.target.join(' ')}`));
  }
}
