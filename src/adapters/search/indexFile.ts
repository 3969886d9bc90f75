import { closeSync, readSync } from 'node:fs';
import { GramSet } from '../../core/search/gramsOf.ts';
import { searchableTexts } from '../../core/search/searchableTexts.ts';
import { decodeLine, utf16Of } from '../../core/session/decodeLine.ts';
import { parseLine } from '../../core/session/parseLine.ts';
import type { FileStamp } from '../fileStamp.ts';
import { openPlainFileSync } from '../plainFiles.ts';
import { sha256Hash } from '../sha256.ts';
import { mayHoldMessage } from './fileSearcher.ts';
import type { IndexedFile, IndexedPiece, TextIndex } from './textIndex.ts';

const lineFeed = 10;
/** A piece is about so long. Shorter ones leave less to be searched in a file, but cost more room. */
const usualPieceBytes = 256 * 1024;
/** Lines longer than this are searched in the file itself. */
const longestPiece = 64 * 1024 * 1024;
/** Pieces that are written in one transaction: others wait that long. */
const piecesAtOnce = 8;
/** Bytes before a place that are compared when the file has grown. */
const tailBytes = 4096;

const grams = new GramSet();

/** Complete lines from a place on, some hundred kilobytes of them; empty where none is complete, null where one is too long. */
function readPiece(handle: number, start: number, size: number, pieceBytes: number): Buffer | null {
  for (let length = pieceBytes; ; length *= 2) {
    const bytes = Buffer.allocUnsafe(Math.min(length, size - start));
    const filled = bytes.subarray(0, readSync(handle, bytes, 0, bytes.length, start));
    const last = filled.lastIndexOf(lineFeed);
    if (last >= 0) return filled.subarray(0, last + 1);
    if (filled.length < length) return filled.subarray(0, 0);
    if (length >= longestPiece) return null;
  }
}

/** Puts the texts of some lines into `grams`. @returns the number of lines, null where one is damaged */
function addLines(bytes: Buffer): number | null {
  let lines = 0;
  for (let at = 0; at < bytes.length; lines += 1) {
    const end = bytes.indexOf(lineFeed, at);
    const line = bytes.subarray(at, end);
    at = end + 1;
    if (!mayHoldMessage(line)) continue;
    const { text, invalid } = decodeLine(line, false);
    const { records, problems } = parseLine(text, 1);
    if (invalid || problems.length > 0) return null;
    for (const record of records) {
      for (const { parts } of searchableTexts(record)) for (const part of parts) grams.add(part);
    }
  }
  return lines;
}

/** Digest of the last bytes before a place, to notice that what was read isn't there any more. */
function tailDigest(handle: number, end: number): string {
  const tail = Buffer.alloc(Math.min(end, tailBytes));
  return sha256Hash()
    .update(tail.subarray(0, readSync(handle, tail, 0, tail.length, end - tail.length)))
    .digest('base64');
}

/** Whether what was indexed still stands in the file. */
export function isBeginningOf(indexed: IndexedFile, handle: number, state: FileStamp): boolean {
  return (
    indexed.inode === String(state.inode) &&
    indexed.end <= state.bytes &&
    tailDigest(handle, indexed.end) === indexed.tail
  );
}

/** Where reading goes on: behind what is indexed, a short last piece being read again so that pieces don't crumble. */
function startOf(index: TextIndex, known: IndexedFile, pieceBytes: number): { start: number; line: number } {
  const last = index.lastPiece(known.id);
  return last !== null && last.end - last.start < pieceBytes / 2 ? last : { start: known.end, line: known.line };
}

/**
 * Brings one file into the index, from where it was read last if it only grew. Yields after each piece (some
 * milliseconds); what was written by then stays when it isn't continued.
 * @throws the file system's error where the file can't be read
 */
export function* indexFile(
  index: TextIndex,
  file: string,
  state: FileStamp,
  known: IndexedFile | null,
  pieceBytes = usualPieceBytes,
): Generator<void, void> {
  const { descriptor: handle } = openPlainFileSync(file);
  try {
    const goesOn = known?.usable === true && isBeginningOf(known, handle, state);
    let { start: at, line } = goesOn ? startOf(index, known, pieceBytes) : { start: 0, line: 1 };
    let expected: { end: number; state: string | null } | null = known;
    let from = at;
    let pieces: IndexedPiece[] = [];
    const head = Buffer.alloc(4);
    let usable = utf16Of(head.subarray(0, readSync(handle, head, 0, 4, 0))) === null;
    for (let done = false; !done; yield) {
      const bytes = usable ? readPiece(handle, at, state.bytes, pieceBytes) : null;
      const lines = bytes === null ? null : addLines(bytes);
      const words = grams.takeWords();
      usable = lines !== null;
      if (bytes !== null && lines !== null && bytes.length > 0) {
        if (words.length > 0) pieces.push({ start: at, end: at + bytes.length, line, words });
        at += bytes.length;
        line += lines;
      }
      done = !usable || bytes === null || bytes.length === 0;
      if (!done && pieces.length < piecesAtOnce) continue;
      if (!usable) ({ from, at, line, pieces } = { from: 0, at: 0, line: 1, pieces: [] });
      const now = { state: done ? state.text : null, inode: String(state.inode), end: at, line, tail: '', usable };
      if (!index.add(file, from, expected, { ...now, tail: tailDigest(handle, at) }, pieces)) return;
      expected = { end: at, state: now.state };
      from = at;
      pieces = [];
    }
  } finally {
    closeSync(handle);
  }
}
