import { closeSync } from 'node:fs';
import { openPlainFileSync } from '../plainFiles.ts';
import { type FilePiece, wholeFile } from './fileSearcher.ts';
import { isBeginningOf } from './indexFile.ts';
import type { IndexedFile, TextIndex } from './textIndex.ts';
import type { Transcript } from './transcriptFiles.ts';

/** What is to be searched of a file. */
export interface FilePlan extends Transcript {
  pieces: FilePiece[];
  /** About how much that is. */
  bytes: number;
}

/** The same for all files: so it is sent to a thread once. */
const wholeFilePieces = [wholeFile];

/** Parts of one file: what the index names, and what stands behind the part that the index knows. Null = nothing. */
function piecesOf(
  { file, state }: Transcript,
  indexed: IndexedFile | undefined,
  candidates: Map<number, FilePiece[]>,
): { pieces: FilePiece[]; bytes: number } | null {
  const whole = { pieces: wholeFilePieces, bytes: state.bytes };
  if (indexed === undefined || !indexed.usable) return whole;
  if (indexed.state !== state.text && !stillBegins(indexed, { file, state })) return whole;
  const pieces = candidates.get(indexed.id) ?? [];
  const rest = state.bytes > indexed.end ? [{ start: indexed.end, end: null, line: indexed.line }] : [];
  if (pieces.length + rest.length === 0) return null;
  const known = pieces.reduce((sum, { start, end }) => sum + (end ?? state.bytes) - start, 0);
  return { pieces: [...pieces, ...rest], bytes: known + state.bytes - indexed.end };
}

function stillBegins(indexed: IndexedFile, { file, state }: Pick<Transcript, 'file' | 'state'>): boolean {
  try {
    const { descriptor: handle } = openPlainFileSync(file);
    try {
      return isBeginningOf(indexed, handle, state);
    } finally {
      closeSync(handle);
    }
  } catch {
    return false;
  }
}

/**
 * Which parts of the files may hold a text, in the files' order. Files that the index doesn't know, or not as they are
 * now, are searched as a whole.
 */
export function planSearch(files: readonly Transcript[], text: string, index: TextIndex | null): FilePlan[] {
  const candidates = index?.candidates(text) ?? null;
  const known = candidates === null ? null : (index?.files() ?? null);
  return files.flatMap((transcript) => {
    const plan = piecesOf(transcript, known?.get(transcript.file), candidates ?? new Map());
    return plan === null ? [] : { ...transcript, ...plan };
  });
}
