import { closeSync, readFileSync } from 'node:fs';
import { sep } from 'node:path';
import { type JsonRecord, parseRecord, textField } from '../../core/session/jsonRecord.ts';
import { openPlainFileSync, plainFileSync } from '../plainFiles.ts';
import { customTitleName, ownFolderOf } from './layout.ts';

/** The object in a JSON file beside a transcript; null where there is none. */
export function readRecord(file: string): JsonRecord | null {
  try {
    // Most sessions have none of these files, and an error costs more than a look.
    if (plainFileSync(file) === null) return null;
    const { descriptor } = openPlainFileSync(file);
    try {
      return parseRecord(readFileSync(descriptor, 'utf8'));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return null;
  }
}

/** Where a session's title stands that was given with `/rename`: in the session's own folder beside the transcript. */
export function customTitleFile(transcript: string): string {
  return `${ownFolderOf(transcript)}${sep}${customTitleName}`;
}

/** Title that a person gave the session. */
export function customTitleOf(transcript: string): string | null {
  return textField(readRecord(customTitleFile(transcript)), 'customTitle');
}
