import { mkdir, readdir, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import type { BrowserContext } from 'playwright-core';
import { test as base, inject } from 'vitest';
import { type CodeServer, startCodeServer } from '../../../scripts/codeServer.ts';
import { launchBrowser } from './browser.ts';
import { editorSettings } from './editor.ts';
import { Workbench } from './workbench.ts';

// A window costs more than most tests in it: a server, an extension host and a workbench that Chromium loads. So one browser
// serves all test files, and one window those that differ only in what Forkpoint reads and writes. It changes folders as a
// person does, by the settings; between two files it stands on empty ones, so that no file sees what another one left.

/** What the shared window shows. */
interface Shown {
  /** Claude Code's config folder, existing or not. */
  claudeDir: string;
  /** Forkpoint's data folder. */
  home: string;
  settings?: Record<string, unknown>;
}

/** The window that test files take turns in. The offline demo model answers in it, and its clock shows UTC. */
export class SharedWindow {
  /** Folder that is open in it, emptied between two files. */
  readonly workspace: string;
  /** Config folder that it reads while nothing else is shown. */
  readonly claudeDir: string;
  readonly #browser: BrowserContext;
  readonly #server: CodeServer;
  #workbench: Workbench | null = null;
  #clear = false;
  #reloaded = false;

  private constructor(browser: BrowserContext, server: CodeServer, folders: { workspace: string; claudeDir: string }) {
    this.#browser = browser;
    this.#server = server;
    this.workspace = folders.workspace;
    this.claudeDir = folders.claudeDir;
  }

  static async open(browser: BrowserContext, folder: string): Promise<SharedWindow> {
    await mkdir(path.join(folder, 'slug-tools'), { recursive: true });
    const scratch = await realpath(folder);
    const workspace = path.join(scratch, 'slug-tools');
    const claudeDir = path.join(scratch, 'claude');
    const server = await startCodeServer({
      extensionsDir: inject('extensionsDir'),
      workspace,
      settings: editorSettings,
      env: {
        CLAUDE_CONFIG_DIR: claudeDir,
        FORKPOINT_HOME: path.join(scratch, 'forkpoint'),
        FORKPOINT_DEMO: '1',
        TZ: 'UTC',
      },
    });
    return new SharedWindow(browser, server, { workspace, claudeDir });
  }

  /** Shows these folders, with nothing of what was shown before. Who puts files into the workspace calls `clear` before. */
  async show({ claudeDir, home, settings = {} }: Shown): Promise<Workbench> {
    const workbench = await this.showEmpty();
    const folders = { 'forkpoint.claudeDirs': [claudeDir], 'forkpoint.dataDir': home };
    await this.#server.configure({ ...editorSettings, ...folders, ...settings });
    await this.#nothing(workbench).sessions.waitFor({ state: 'hidden' });
    return workbench;
  }

  /** Shows the folders of the environment, in which nothing is yet. */
  async showEmpty(): Promise<Workbench> {
    const workbench = this.#clear && this.#workbench !== null ? this.#workbench : await this.clear();
    this.#clear = false;
    return workbench;
  }

  /** Empty folders, no open editor, the Forkpoint view: as in a new window, and in one where this one can't come to that. */
  async clear(): Promise<Workbench> {
    await this.#emptyFolders();
    this.#workbench = (await this.#cleared()) ?? (await this.#opened());
    this.#clear = true;
    return this.#workbench;
  }

  async close(): Promise<void> {
    await this.#workbench?.close();
    await this.#server.stop();
  }

  async #emptyFolders(): Promise<void> {
    await rm(this.claudeDir, { recursive: true, force: true });
    for (const name of await readdir(this.workspace)) {
      await rm(path.join(this.workspace, name), { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
  }

  async #opened(): Promise<Workbench> {
    await this.#server.configure(editorSettings);
    const workbench = await Workbench.open(this.#browser, this.#server.url);
    await workbench.openForkpointView();
    await this.#stands(workbench);
    this.#reloaded = false;
    workbench.page.once('load', () => {
      this.#reloaded = true;
    });
    return workbench;
  }

  async #cleared(): Promise<Workbench | null> {
    const workbench = this.#workbench;
    if (workbench === null) return null;
    try {
      // VS Code hears of changes of a remote machine's settings in the first window of a page only, not after a reload.
      if (!this.#reloaded) {
        await this.#clearWindow(workbench);
        return workbench;
      }
    } catch (error) {
      await workbench.keepPicture('shared-window-not-cleared').catch(() => undefined);
      console.warn(`The shared window is opened anew: ${String(error)}`);
    }
    await workbench.close();
    return null;
  }

  async #clearWindow(workbench: Workbench): Promise<void> {
    const { page } = workbench;
    await workbench.setViewport(1400, 900);
    for (const _ of ['menu or dialog', 'quick input']) await page.keyboard.press('Escape');
    await workbench.runCommand('View: Close All Editors');
    await page.locator('.part.editor .tab').first().waitFor({ state: 'detached' });
    if (await page.locator('.part.panel').isVisible()) await workbench.runCommand('View: Hide Panel');
    await workbench.runCommand('Notifications: Clear All Notifications');
    await this.#server.configure(editorSettings);
    await workbench.openForkpointView();
    await this.#stands(workbench);
  }

  async #stands(workbench: Workbench): Promise<void> {
    const { sessions, runs } = this.#nothing(workbench);
    await sessions.waitFor();
    await runs.waitFor();
  }

  /** What the views say that have nothing to show. */
  #nothing(workbench: Workbench) {
    return {
      sessions: workbench.view('Sessions').getByText('No sessions in the folder that CLAUDE_CONFIG_DIR names'),
      runs: workbench.view('Runs').getByText('No runs yet'),
    };
  }
}

/** The test function of files that share something: the browser, the window, a Temporal server. All end with the last file. */
export const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads from it which fixtures are needed
  .extend('browser', { scope: 'worker' }, async ({}, { onCleanup }) => {
    const browser = await launchBrowser(inject('profile'));
    onCleanup(() => browser.close());
    return browser;
  })
  .extend('shared', { scope: 'worker' }, async ({ browser }, { onCleanup }) => {
    const shared = await SharedWindow.open(browser, inject('shared'));
    onCleanup(() => shared.close());
    return shared;
  })
  // biome-ignore lint/correctness/noEmptyPattern: as above
  .extend('temporal', { scope: 'worker' }, async ({}, { onCleanup }) => {
    const { startTestServer } = await import('../../support/temporal.ts');
    const server = await startTestServer();
    onCleanup(() => server.stop());
    return server;
  });
