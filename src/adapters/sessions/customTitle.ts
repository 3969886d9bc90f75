import { closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openPlainFileSync, plainFileSync } from './projectFiles.ts';

/** The value in a JSON file beside a transcript; null where there is none. */
export function readJson(file: string): unknown {
  try {
    // Most sessions have none of these files, and an error costs more than a look.
    if (plainFileSync(file) === null) return null;
    const descriptor = openPlainFileSync(file);
    try {
      return JSON.parse(readFileSync(descriptor, 'utf8'));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return null;
  }
}

/** Title that a person gave the session with `/rename`. @param folder the session's own folder beside the transcript */
export function customTitleOf(folder: string): string | null {
  const title = (readJson(join(folder, 'custom-title.json')) as { customTitle?: unknown } | null)?.customTitle;
  return typeof title === 'string' && title !== '' ? title : null;
}
