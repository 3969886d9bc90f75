import { isWritten, type PlannedFile, type TreeFile } from '../../core/changes/applyChanges.ts';

/** How the editor changes one file, so that Undo takes it back. */
export type FileWrite =
  | { kind: 'text'; file: PlannedFile; before: string; after: string; crlf: boolean | null }
  | { kind: 'create'; file: PlannedFile; bytes: Uint8Array }
  | { kind: 'replace'; file: PlannedFile; bytes: Uint8Array }
  | { kind: 'delete'; file: PlannedFile };

/** What a preview asks for, by who can do it. */
export interface ApplyWrites {
  /** Done by the editor, in one edit. */
  writes: FileWrite[];
  /** Symbolic links, and files of which only the mode changes: the editor can't do that, so Undo doesn't take it back. */
  outside: PlannedFile[];
}

/** Files of a preview that applying it writes, in the way that each of them can be written. */
export function planWrites(files: readonly PlannedFile[]): ApplyWrites {
  const writes: FileWrite[] = [];
  const outside: PlannedFile[] = [];
  for (const file of files.filter(isWritten)) {
    const write = writeOf(file);
    if (write === null) outside.push(file);
    else writes.push(write);
  }
  return { writes, outside };
}

function writeOf(file: PlannedFile): FileWrite | null {
  const { old, new: now } = file;
  if (old?.mode === '120000' || now?.mode === '120000') return null;
  if (now === null) return { kind: 'delete', file };
  if (old === null) return { kind: 'create', file, bytes: now.bytes };
  const text = asText(old, now);
  if (text === 'same') return null;
  return text === null ? { kind: 'replace', file, bytes: now.bytes } : { kind: 'text', file, ...text };
}

/**
 * What is left to do once the editor has written the files: it gives none of them a mode. In the form of a preview that begins
 * where the editor has left the file.
 */
export function modesLeft(writes: readonly FileWrite[]): PlannedFile[] {
  return writes.flatMap((write) => {
    const { path, old, new: now } = write.file;
    if (now === null || write.kind === 'delete') return [];
    const mode = write.kind === 'text' && old !== null ? old.mode : '100644';
    if (mode === now.mode) return [];
    return { path, status: 'modified' as const, conflict: null, old: { mode, bytes: now.bytes }, new: now };
  });
}

/** The two texts where an editor of texts can make one of the other without changing a byte besides. */
function asText(old: TreeFile, now: TreeFile): { before: string; after: string; crlf: boolean | null } | 'same' | null {
  const [before, after] = [decoded(old.bytes), decoded(now.bytes)];
  if (before === null || after === null) return null;
  if (before.text === after.text && before.bom === after.bom) return 'same';
  const ends = [before.text, after.text].map(lineEnds);
  const known = [...new Set(ends.filter((end) => end !== 'none'))];
  // An editor writes all line ends of a file in one way, and leaves its byte order mark as it is.
  if (before.bom !== after.bom || known.includes('mixed') || known.length > 1) return null;
  return { before: before.text, after: after.text, crlf: known[0] === undefined ? null : known[0] === 'crlf' };
}

function decoded(bytes: Uint8Array): { text: string; bom: boolean } | null {
  if (bytes.subarray(0, 8_000).includes(0)) return null;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const bom = text.startsWith('\ufeff');
    return { text: bom ? text.slice(1) : text, bom };
  } catch {
    return null;
  }
}

function lineEnds(text: string): 'none' | 'lf' | 'crlf' | 'mixed' {
  const crlf = text.split('\r\n').length - 1;
  const lf = text.split('\n').length - 1 - crlf;
  const cr = text.split('\r').length - 1 - crlf;
  if (cr > 0 || (crlf > 0 && lf > 0)) return 'mixed';
  return crlf > 0 ? 'crlf' : lf > 0 ? 'lf' : 'none';
}

/** The lines in which two texts differ: what stands between `start` and `end` (offsets in `before`) becomes `text`. */
export function changedLines(before: string, after: string): { start: number; end: number; text: string } {
  const shared = Math.min(before.length, after.length);
  let start = 0;
  for (let at = 0; at < shared && before[at] === after[at]; at += 1) if (before[at] === '\n') start = at + 1;
  let tail = 0;
  for (let back = 1; back <= shared - start && before.at(-back) === after.at(-back); back += 1) {
    // Up to here both end alike; a line of both begins behind a line end of each.
    if (startsLine(before, back) && startsLine(after, back)) tail = back;
  }
  return { start, end: before.length - tail, text: after.slice(start, after.length - tail) };
}

function startsLine(text: string, back: number): boolean {
  return back === text.length || text.at(-back - 1) === '\n';
}
