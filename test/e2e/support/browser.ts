import { type BrowserContext, chromium } from 'playwright-core';
import { toolPath } from '../../../scripts/tools.ts';

/**
 * Chromium, headless, without traffic of its own.
 * @param profile Folder of a profile that keeps its caches between launches; by default a new one that goes with the browser
 */
export function launchBrowser(profile = ''): Promise<BrowserContext> {
  return chromium.launchPersistentContext(profile, {
    executablePath: toolPath('chromium'),
    headless: process.env['HEADED'] === undefined,
    viewport: { width: 1400, height: 900 },
    permissions: ['clipboard-read', 'clipboard-write'],
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
