import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { StorageError } from '../core/errors.ts';
import { fileErrorCode, isAbsent } from './fileErrors.ts';
import { isRunning, startOf } from './processStart.ts';

/*
 * A lock is a folder with one file, the mark of its holder, whose name is the holder's token.
 * It is filled aside and renamed into place, which fails where a mark is there already: no lock is ever without its mark.
 * A dead holder's mark is removed by its name, so that the mark of whoever came meanwhile stays. An empty folder is free.
 */

const markSchema = z.object({ pid: z.int().positive(), scope: z.string(), started: z.string().nullable() });
type Mark = z.infer<typeof markSchema>;

/** How often a holder touches its mark, so that those see it live who can't look at its process. */
const heartbeatMs = 1_000;
/** They look so often, and take a holder for gone whose mark never changed meanwhile. No clock is asked: clocks jump. */
const looks = 40;
const lookMs = 250;

/** What a renaming says where the lock is held, or something in its place. */
const heldCodes: ReadonlySet<string | null> = new Set(['ENOTEMPTY', 'EEXIST', 'EPERM', 'EACCES', 'ENOTDIR', 'ENOENT']);
const attempts = 20;

/** A lock that this process holds. */
export interface FileLock {
  /** Aborts when the mark was removed: another process took this one for dead, or the folder was deleted. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/**
 * Takes the lock unless its holder lives. A holder on this machine is known by its process, whatever its mark's age; one that
 * another machine or container may have started, by its heartbeat.
 * @param folder stands for the lock; the folder around it has to be there
 * @param onDead called before the mark of a dead holder is removed
 * @returns null where it is held, by this process included
 * @throws the file system's error, `ENOENT` where the folder around it is gone
 */
export async function tryLock(folder: string, onDead?: () => Promise<void>): Promise<FileLock | null> {
  for (let attempt = 1; ; attempt += 1) {
    const holder = await findHolder(folder);
    if (holder !== null) {
      if (await lives(holder)) return null;
      await onDead?.();
      await unlink(holder.file).catch(() => {});
    }
    try {
      return await take(folder);
    } catch (error) {
      if (attempt === attempts || !heldCodes.has(fileErrorCode(error))) throw error;
      await stat(path.dirname(folder));
    }
  }
}

/** Whether the lock has a living holder. */
export async function isLocked(folder: string): Promise<boolean> {
  const holder = await findHolder(folder);
  return holder !== null && (await lives(holder));
}

/**
 * Runs the action while nobody else, here or in another process, holds the lock. Makes the folder around it.
 * @param waitMs for a living holder
 * @throws StorageError where it held the lock for longer
 */
export async function withLock<T>(folder: string, action: () => Promise<T>, waitMs = 60_000): Promise<T> {
  await mkdir(path.dirname(folder), { recursive: true, mode: 0o700 });
  const end = performance.now() + waitMs;
  let lock = await tryLock(folder);
  for (; lock === null; lock = await tryLock(folder)) {
    if (performance.now() > end) {
      const hint = 'Wait for it, or delete that folder if no other Forkpoint runs.';
      throw new StorageError(`Another Forkpoint process has held ${folder} for too long.`, hint);
    }
    await delay(50);
  }
  try {
    return await action();
  } finally {
    await lock.release();
  }
}

async function take(folder: string): Promise<FileLock> {
  const token = randomUUID();
  const draft = `${folder}.${token}.new`;
  const mark: Mark = { pid: process.pid, ...self() };
  try {
    await mkdir(draft, { mode: 0o700 });
    await writeFile(path.join(draft, token), JSON.stringify(mark), { mode: 0o600 });
    // Windows doesn't rename onto an empty folder. One with a mark stays.
    await rmdir(folder).catch(() => {});
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
  return hold(folder, path.join(folder, token));
}

function hold(folder: string, file: string): FileLock {
  const lost = new AbortController();
  const beat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch((error: unknown) => {
      // Whatever else fails may succeed with the next beat.
      if (!isAbsent(error)) return;
      clearInterval(beat);
      lost.abort();
    });
  }, heartbeatMs);
  beat.unref();
  return {
    lost: lost.signal,
    async release() {
      clearInterval(beat);
      await rm(file, { force: true, maxRetries: 3 });
      await rmdir(folder).catch(() => {});
    },
  };
}

/** Whose processes can be looked at from here, and when this one started (null: can't be told). */
function self(): Omit<Mark, 'pid'> {
  if (process.platform !== 'linux') return { scope: hostname(), started: knownStart(process.pid) };
  try {
    // A container's processes have ids of their own; with another's /proc they would be looked up in vain.
    if (readlinkSync('/proc/self') !== String(process.pid)) throw new Error('not our /proc');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return { scope: `${boot} ${readlinkSync('/proc/self/ns/pid')}`, started: knownStart(process.pid) };
  } catch {
    return { scope: randomUUID(), started: null };
  }
}

/** Null on Windows, where it would take a second to ask. */
function knownStart(pid: number): string | null {
  return process.platform === 'win32' ? null : startOf(pid);
}

interface Holder {
  file: string;
  /** Null where it can't be read: the machine went down while it was written, or it is an earlier version's. */
  mark: Mark | null;
}

async function findHolder(folder: string): Promise<Holder | null> {
  try {
    const [token] = await readdir(folder);
    if (token === undefined) return null;
    const file = path.join(folder, token);
    return { file, mark: parseMark(await readFile(file, 'utf8')) };
  } catch (error) {
    const code = fileErrorCode(error);
    // Earlier versions made a file of that name.
    if (code === 'ENOTDIR') return { file: folder, mark: null };
    if (code === 'ENOENT') return null;
    throw error;
  }
}

function parseMark(text: string): Mark | null {
  try {
    return markSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

async function lives({ file, mark }: Holder): Promise<boolean> {
  const here = self();
  if (mark?.scope === here.scope) {
    if (mark.started !== null) return knownStart(mark.pid) === mark.started;
    if (!isRunning(mark.pid)) return false;
  }
  const first = await touchedAt(file);
  let now = first;
  for (let look = 0; look < looks && now === first; look += 1) {
    await delay(lookMs);
    now = await touchedAt(file);
  }
  return now !== null && now !== first;
}

async function touchedAt(file: string): Promise<number | null> {
  return (await stat(file).catch(() => null))?.mtimeMs ?? null;
}
