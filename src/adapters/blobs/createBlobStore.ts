import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { BlobStore } from '../../core/blobStore.ts';
import { canonicalJson } from '../../core/canonicalJson.ts';
import { messageOf, StorageError } from '../../core/errors.ts';
import { type BlobRef, blobRefSchema } from '../../core/ids.ts';
import { fileErrorCode, isAbsent } from '../fileErrors.ts';
import { sha256 } from '../sha256.ts';
import { writeWhole } from '../writeWhole.ts';

/**
 * Keeps JSON values under the SHA-256 of their canonical text, one file each: `ab/cdef….json`. Nothing is ever
 * overwritten, so any number of processes may share the folder.
 * @param dir made when the first value is stored
 */
export function createBlobStore(dir: string): BlobStore {
  const fileOf = (ref: BlobRef): string => path.join(dir, ref.slice(0, 2), `${ref.slice(2)}.json`);
  return {
    async put(value) {
      const text = canonicalJson(value);
      const ref = blobRefSchema.parse(sha256(text));
      const file = fileOf(ref);
      try {
        await writeNew(file, text);
        return ref;
      } catch (error) {
        throw new StorageError(
          `Can't store a part of the run in ${dir}: ${messageOf(error)}`,
          'Check that the folder is writable and the disk is not full.',
          { file },
          { cause: error },
        );
      }
    },
    async get(ref) {
      const file = fileOf(blobRefSchema.parse(ref));
      const text = await readFile(file, 'utf8').catch((error: unknown) => {
        throw new StorageError(
          isAbsent(error) ? `A part of the run is gone: ${file}` : `Can't read ${file}: ${messageOf(error)}`,
          'Dispatch the fork again; recorded sessions are not affected.',
          { file },
          { cause: error },
        );
      });
      if (sha256(text) !== ref) {
        const hint = 'Delete the file and dispatch the fork again; recorded sessions are not affected.';
        throw new StorageError(`A part of the run is damaged: ${file}`, hint, { file });
      }
      return JSON.parse(text) as unknown;
    },
  };
}

/** Nobody reads a blob before its `put` has resolved, so a new file is written in place. */
async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const isThere = fileErrorCode(error) === 'EEXIST';
    if (!isThere && !isAbsent(error)) throw error;
    // A file of the right size is taken as it is; `get` checks the content anyway. What was left half written is replaced.
    const known = isThere ? await stat(file).catch(() => null) : null;
    if (known?.size !== Buffer.byteLength(text)) await writeWhole(file, text);
  }
}
