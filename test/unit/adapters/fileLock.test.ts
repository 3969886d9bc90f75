import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isLocked, tryLock, withLock } from '../../../src/adapters/fileLock.ts';
import { StorageError } from '../../../src/core/errors.ts';

// Waiting for heartbeats takes no time here; what happens meanwhile is up to the test.
let meanwhile: () => Promise<void>;
vi.mock('node:timers/promises', () => ({ setTimeout: () => meanwhile() }));

let dir: string;
let folder: string;

beforeEach(async () => {
  meanwhile = () => Promise.resolve();
  dir = await mkdtemp(path.join(tmpdir(), 'forkpoint-lock-'));
  folder = path.join(dir, 'a.lock');
});
afterEach(() => rm(dir, { recursive: true }));

const mark = async (): Promise<string> => path.join(folder, (await readdir(folder))[0] ?? '');

/** A lock whose holder's process can't be looked at. */
async function foreignLock(text: string): Promise<string> {
  await mkdir(folder);
  await writeFile(path.join(folder, 'token'), text);
  return path.join(folder, 'token');
}

const foreign = JSON.stringify({ pid: 1, scope: 'another machine', started: 'then' });

describe('a lock', () => {
  it('is held by one caller, and leaves nothing behind', async () => {
    const lock = await tryLock(folder);
    expect(await tryLock(folder)).toBeNull();
    expect(await isLocked(folder)).toBe(true);
    await lock?.release();
    expect(await isLocked(folder)).toBe(false);
    expect(await readdir(dir)).toEqual([]);
  });

  it('is refused where the folder around it is gone', async () => {
    await expect(tryLock(path.join(dir, 'gone/a.lock'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is free where its folder is empty', async () => {
    await mkdir(folder);
    expect(await isLocked(folder)).toBe(false);
    expect(await tryLock(folder)).not.toBeNull();
  });

  it('is another’s where a process got the id of its holder', async () => {
    await tryLock(folder);
    const own = JSON.parse(await readFile(await mark(), 'utf8')) as object;
    await writeFile(await mark(), JSON.stringify({ ...own, started: 'before' }));
    const onDead = vi.fn<() => Promise<void>>(() => Promise.resolve());
    expect(await tryLock(folder, onDead)).not.toBeNull();
    expect(onDead).toHaveBeenCalledTimes(1);
  });

  it('releases only its own mark', async () => {
    const first = await tryLock(folder);
    await rm(await mark());
    const second = await tryLock(folder);
    await first?.release();
    expect(await isLocked(folder)).toBe(true);
    await expect.poll(() => first?.lost.aborted).toBe(false);
    await second?.release();
  });

  it('is lost with its folder', async () => {
    const lock = await tryLock(folder);
    await rm(folder, { recursive: true });
    await expect.poll(() => lock?.lost.aborted, { timeout: 3_000 }).toBe(true);
  });
});

describe('a holder whose process can’t be looked at', () => {
  it.each([
    ['of another machine', foreign],
    ['whose mark is empty', ''],
    ['whose mark is damaged', '{"pid":'],
  ])('%s, is gone once its mark lies still', async (_name, text) => {
    // Neither the future nor the past counts: clocks jump.
    const file = await foreignLock(text);
    const tomorrow = new Date(Date.now() + 86_400_000);
    await utimes(file, tomorrow, tomorrow);
    expect(await isLocked(folder)).toBe(false);
    expect(await tryLock(folder)).not.toBeNull();
  });

  it('lives while its mark is touched', async () => {
    const file = await foreignLock(foreign);
    let looks = 0;
    meanwhile = async () => {
      looks += 1;
      if (looks % 30 === 0) await utimes(file, new Date(), new Date(looks * 1_000));
    };
    expect(await isLocked(folder)).toBe(true);
    expect(await tryLock(folder)).toBeNull();
    expect((await stat(file)).isFile()).toBe(true);
  });

  it('is gone where an earlier version left a file', async () => {
    await writeFile(folder, '');
    expect(await tryLock(folder)).not.toBeNull();
    expect(await isLocked(folder)).toBe(true);
  });
});

describe('an action under a lock', () => {
  it('runs alone, and what it throws ends the lock', async () => {
    let inside = 0;
    const alone = () =>
      withLock(folder, async () => {
        inside += 1;
        expect(inside).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
      });
    await Promise.all([alone(), alone(), alone()]);
    await expect(withLock(folder, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await readdir(dir)).toEqual([]);
  });

  it('says so where the lock is held for too long', async () => {
    await tryLock(folder);
    await expect(withLock(folder, () => Promise.resolve(), 1)).rejects.toBeInstanceOf(StorageError);
  });
});
