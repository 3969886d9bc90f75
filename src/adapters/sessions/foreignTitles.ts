import { closeSync } from 'node:fs';
import { sep } from 'node:path';
import zlib from 'node:zlib';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { openPlainFileSync, readFully } from '../plainFiles.ts';

const pieceBytes = 1024 * 1024;
/** A key and a `uuid` take less. */
const overlap = 128;

/** Titles of conversations by the last message of each. */
export type LeafTitles = ReadonlyMap<string, string>;

/** What is known of a session's name from other files, and for which titles there. */
export interface ForeignTitle {
  asked: number;
  title: string | null;
}

/** Of thousands of paths: taken apart by hand they cost a tenth of what `dirname` takes. */
export function folderOf(file: string): string {
  return file.slice(0, file.lastIndexOf(sep));
}

/** By project folder, what the sessions in it say of each other. */
export function leafTitlesByFolder(summaries: Iterable<SessionSummary | null>): ReadonlyMap<string, LeafTitles> {
  const folders = new Map<string, Map<string, string>>();
  for (const summary of summaries) {
    if (summary === null || summary.foreignTitles.length === 0) continue;
    const folder = folderOf(summary.file);
    const titles = folders.get(folder) ?? new Map<string, string>();
    for (const { leafUuid, title } of summary.foreignTitles) titles.set(leafUuid, title);
    folders.set(folder, titles);
  }
  return folders;
}

/** What stands for some titles: equal for equal ones. */
export function titlesSum(titles: LeafTitles): number {
  return zlib.crc32(
    JSON.stringify([...titles].map(([leaf, title]) => `${leaf} ${title}`).sort((a, b) => (a < b ? -1 : 1))),
  );
}

/** The title of the last of these messages that stands in a file; null where none does, or the file can't be read. */
export function titleIn(file: string, titles: LeafTitles): string | null {
  try {
    const { descriptor } = openPlainFileSync(file);
    try {
      return lastTitle(descriptor, titles);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return null;
  }
}

function lastTitle(descriptor: number, titles: LeafTitles): string | null {
  const buffer = Buffer.allocUnsafe(pieceBytes);
  let title: string | null = null;
  for (let position = 0; ; position += pieceBytes - overlap) {
    const filled = readFully(descriptor, buffer, position);
    // Quotes inside texts are escaped, so only a key can look like this.
    for (const [, uuid = ''] of buffer.toString('latin1', 0, filled).matchAll(/"uuid": ?"([^"\\]{1,100})"/g))
      title = titles.get(uuid) ?? title;
    if (filled < buffer.length) return title;
  }
}
