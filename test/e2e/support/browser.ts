import { type Browser, chromium } from 'playwright-core';
import { toolPath } from '../../../scripts/tools.ts';

/** Chromium, headless, with a new empty profile and no traffic of its own. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: toolPath('chromium'),
    headless: process.env['HEADED'] === undefined,
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
