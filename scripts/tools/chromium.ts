import { existsSync } from 'node:fs';
import { installSystemPackages } from './systemPackages.ts';
import { onPath } from './toolsFolder.ts';

/** A Chromium or Chrome: `CHROMIUM`, else one on PATH, else null. */
export function findChromium(): string | null {
  const named = process.env['CHROMIUM'];
  if (named) return existsSync(named) ? named : null;
  return onPath('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable');
}

/** @throws MissingToolError */
export async function ensureChromium(): Promise<void> {
  if (!findChromium())
    await installSystemPackages(['chromium'], 'the UI and host tests (or set CHROMIUM=/path/to/chrome)');
}
