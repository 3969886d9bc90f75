import { createHash, randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { openPlainFile } from '../plainFiles.ts';

const pieceBytes = 1024 * 1024;
const partial = /^\..+\.partial$/;
/** A half-written copy untouched for this long was left by a process that died. */
const abandonedMs = 10 * 60 * 1000;

/** Calls back with the file's first `bytes` bytes, piece by piece. @returns how many there were */
export async function eachPiece(
  handle: FileHandle,
  bytes: number,
  take: (piece: Buffer) => Promise<void> | void,
): Promise<number> {
  const buffer = Buffer.allocUnsafe(Math.min(pieceBytes, Math.max(1, bytes)));
  let position = 0;
  while (position < bytes) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, bytes - position), position);
    if (bytesRead === 0) break;
    await take(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
  return position;
}

/** Is the copy what the file is now, by size and time? Copies carry the time of their originals, rounded by the system. */
export function isCurrent(original: Stats, copy: Stats): boolean {
  return original.size === copy.size && Math.abs(original.mtimeMs - copy.mtimeMs) < 2;
}

/**
 * Copies a file as it is at this moment: the copy appears whole and proven equal, or not at all. Never a hard link, because
 * Claude Code appends to the original.
 * @param openTarget opens the new file for writing; tests make it fail
 * @throws the file system's error, or an Error where the copy reads differently from what was written
 */
export async function copyWhole(from: string, to: string, openTarget: typeof open = open): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  const draft = join(dirname(to), `.${basename(to)}.${randomUUID()}.partial`);
  const source = await openPlainFile(from);
  try {
    const { size, atime, mtime } = await source.stat();
    const written = createHash('sha256');
    const target = await openTarget(draft, 'wx', 0o600);
    try {
      const copied = await eachPiece(source, size, async (piece) => {
        written.update(piece);
        await writeAll(target, piece);
      });
      if (copied !== size) throw new Error(`${from} became shorter while it was copied.`);
      await target.sync();
    } finally {
      await target.close();
    }
    await prove(draft, size, written.digest('hex'));
    await utimes(draft, atime, mtime);
    await rename(draft, to);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  } finally {
    await source.close();
  }
}

async function writeAll(target: FileHandle, piece: Buffer): Promise<void> {
  for (let at = 0; at < piece.length; ) {
    const { bytesWritten } = await target.write(piece, at, piece.length - at);
    at += bytesWritten;
  }
}

async function prove(file: string, size: number, sha256: string): Promise<void> {
  const handle = await openPlainFile(file);
  try {
    const read = createHash('sha256');
    const length = await eachPiece(handle, (await handle.stat()).size, (piece) => void read.update(piece));
    if (length !== size || read.digest('hex') !== sha256)
      throw new Error(`The copy ${file} differs from its original.`);
  } finally {
    await handle.close();
  }
}

/** Removes half-written copies that a killed process has left in a folder. @param now milliseconds since the epoch */
export async function removeAbandoned(folder: string, now: number): Promise<void> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => partial.test(name));
  await Promise.all(
    names.map(async (name) => {
      const file = join(folder, name);
      // The time of change, not of the content: that one is set to the original's.
      const changed = (await stat(file).catch(() => null))?.ctimeMs ?? now;
      if (now - changed > abandonedMs) await rm(file, { force: true });
    }),
  );
}
