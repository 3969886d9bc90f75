import type { BrowserContext } from 'playwright-core';
import { inject } from 'vitest';
import { type CodeServer, type CodeServerOptions, startCodeServer } from '../../../scripts/codeServer.ts';
import { launchBrowser } from './browser.ts';

// Every test file loads the editor from the same address with the same profile, so Chromium reads and compiles its scripts
// once in a run and not once in each window. `Workbench.open` clears what an earlier window stored.

/** The browser of the UI tests. */
export function openBrowser(): Promise<BrowserContext> {
  return launchBrowser(inject('profile'));
}

/** The editor of the UI tests, with the packed extension. One at a time. */
export function startEditor(options: Partial<CodeServerOptions> & { workspace: string }): Promise<CodeServer> {
  return startCodeServer({ extensionsDir: inject('extensionsDir'), port: inject('editorPort'), ...options });
}
