import { setImmediate } from 'node:timers/promises';
import type { IndexProgress } from '../../core/search/sessionSearch.ts';
import { fileStamp } from '../fileStamp.ts';
import { indexFile } from './indexFile.ts';
import type { IndexedFile, TextIndex } from './textIndex.ts';

/**
 * Brings the index up to date with these files, a piece at a time with room for others in between. Files that can't be
 * read are passed over: a search looks into them itself. What is written stays when it isn't continued.
 * @param files paths of transcripts, those first that should be done first; what is gone besides is dropped
 * @param options `pause` is awaited before each piece; `pieceBytes`: see `indexFile`
 * @returns yields how far it is after each file that was read, and at the end
 */
export async function* updateTextIndex(
  index: TextIndex,
  files: readonly string[],
  { pause = () => setImmediate(), pieceBytes }: { pause?: () => Promise<unknown>; pieceBytes?: number } = {},
): AsyncGenerator<IndexProgress, void> {
  const known = index.prepare() ? index.files() : null;
  if (known === null) return;
  const present = new Set(files);
  index.forget([...known.keys()].filter((file) => !present.has(file) && fileStamp(file) === null));
  const due = files.filter((file) => known.get(file)?.state !== fileStamp(file)?.text);
  const fresh = files.length - due.length;
  for (const [done, file] of due.entries()) {
    yield { indexed: fresh + done, files: files.length };
    for (const _piece of piecesOf(index, file, known.get(file) ?? null, pieceBytes)) await pause();
  }
  // The last one who closes the index folds its log into the file.
  index.close();
  yield { indexed: files.length, files: files.length };
}

function* piecesOf(
  index: TextIndex,
  file: string,
  known: IndexedFile | null,
  pieceBytes: number | undefined,
): Generator<void, void> {
  try {
    const state = fileStamp(file);
    if (state !== null) yield* indexFile(index, file, state, known, pieceBytes);
  } catch {
    // Gone or not readable by now.
  }
}
