import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { link, readFile, rm, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { RunOwnedError } from '../../core/errors.ts';
import type { Disposable } from '../../core/run/ports.ts';
import { fileErrorCode, isAbsent } from '../fileErrors.ts';

const ownerSchema = z.object({ pid: z.int().positive(), host: z.string(), token: z.string() });

/** How often a live owner touches its mark, and how old a mark may be before its owner counts as gone. */
const heartbeatMs = 1_000;
const staleMs = 10_000;

/**
 * Marks a run's folder as driven by this process, and keeps the mark fresh until disposed.
 * @param onStale called before a mark that a crash left behind is replaced
 * @throws RunOwnedError where another live process drives the run
 */
export async function takeOwnership(folder: string, onStale: () => Promise<void>): Promise<Disposable> {
  const file = path.join(folder, 'owner.json');
  const token = randomUUID();
  const text = JSON.stringify({ pid: process.pid, host: hostname(), token });
  for (let attempt = 0; ; attempt += 1) {
    try {
      await createMark(file, text);
      break;
    } catch (error) {
      if (fileErrorCode(error) !== 'EEXIST') throw error;
      const left = await readOwner(file);
      if (attempt > 2 || (await hasLiveOwner(folder))) {
        throw new RunOwnedError('Another process drives this run.', 'Wait for it, or cancel the run.', { folder });
      }
      await onStale();
      removeLeft(file, left?.token ?? null);
    }
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch((error: unknown) => {
      if (isAbsent(error)) clearInterval(heartbeat);
    });
  }, heartbeatMs);
  heartbeat.unref();
  return {
    dispose() {
      clearInterval(heartbeat);
      void readOwner(file).then((owner) => (owner?.token === token ? unlink(file).catch(() => {}) : undefined));
    },
  };
}

/** Whole or not at all: nobody is to read half a mark and take its owner for gone. @throws `EEXIST` where there is one */
async function createMark(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, text, { mode: 0o600, flag: 'wx' });
    await link(draft, file).catch((error: unknown) => {
      if (fileErrorCode(error) === 'EEXIST' || isAbsent(error)) throw error;
      // A file system without hard links.
      return writeFile(file, text, { mode: 0o600, flag: 'wx' });
    });
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Takes the mark of an owner that is gone away. Several processes may do so at once: the mark of one that was quicker stays, so this
 * waits for nothing between its look and its deed, and looks again at what it has taken.
 * @param token of the owner that is gone, null where its mark can't be read
 */
function removeLeft(file: string, token: string | null): void {
  const aside = `${file}.${randomUUID()}`;
  try {
    if (tokenIn(file) !== token) return;
    renameSync(file, aside);
    if (tokenIn(aside) !== token) linkSync(aside, file);
  } catch {
    // Somebody else was quicker; the next attempt sees whose it is.
  } finally {
    rmSync(aside, { force: true });
  }
}

function tokenIn(file: string): string | null {
  const text = readFileSync(file, 'utf8');
  try {
    return ownerSchema.parse(JSON.parse(text)).token;
  } catch {
    return null;
  }
}

/** Is there a mark whose process lives? */
export async function hasLiveOwner(folder: string): Promise<boolean> {
  const file = path.join(folder, 'owner.json');
  const owner = await readOwner(file);
  if (owner === null) return false;
  if (owner.host === hostname() && !isRunning(owner.pid)) return false;
  const age = await ageOf(file);
  if (age === null) return false;
  if (age < staleMs) return true;
  // The process id may have been given to another program, or the machine has just woken up and the owner had no time
  // to say so: one more beat tells them apart.
  await delay(heartbeatMs * 1.5);
  return ((await ageOf(file)) ?? staleMs) < staleMs;
}

async function readOwner(file: string): Promise<z.infer<typeof ownerSchema> | null> {
  try {
    return ownerSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return null;
  }
}

/** Milliseconds since the mark was touched, null where it is gone. */
async function ageOf(file: string): Promise<number | null> {
  const state = await stat(file).catch(() => null);
  return state === null ? null : Date.now() - state.mtimeMs;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return fileErrorCode(error) === 'EPERM';
  }
}
