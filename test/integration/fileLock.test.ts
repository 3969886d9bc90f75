import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { isLocked, tryLock } from '../../src/adapters/fileLock.ts';
import type { LockTask } from '../support/lockProgram.ts';

let built: string;
let dir: string;
let folder: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  built = await mkdtemp(path.join(tmpdir(), 'forkpoint-lock-'));
  await build({
    entryPoints: [path.resolve(import.meta.dirname, '../support/lockProgram.ts')],
    outfile: path.join(built, 'program.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
  });
});
afterAll(() => rm(built, { recursive: true }));
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'forkpoint-lock-'));
  folder = path.join(dir, 'a.lock');
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(dir, { recursive: true });
});

function start(task: Partial<LockTask> = {}) {
  const program = path.join(built, 'program.mjs');
  const child = spawn(process.execPath, [program, JSON.stringify({ folder, ...task })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += String(data)));
  const ended = new Promise<{ signal: NodeJS.Signals | null; output: string }>((resolve) =>
    child.once('close', (_code, signal) => resolve({ signal, output })),
  );
  const says = (word: string) => vi.waitFor(() => expect(output).toContain(word), { timeout: 10_000, interval: 10 });
  return { child, ended, says };
}

/** Kills a process that holds the lock, so that its mark stays. */
async function leaveDeadMark(): Promise<void> {
  const { child, says, ended } = start({ holdMs: 60_000 });
  await says('held');
  child.kill('SIGKILL');
  await ended;
}

async function expectFree(lockFolder = folder): Promise<void> {
  const began = performance.now();
  const lock = await tryLock(lockFolder);
  expect(lock).not.toBeNull();
  // At once, not after a holder that can't be asked was looked at in vain.
  expect(performance.now() - began).toBeLessThan(2_000);
  await lock?.release();
  expect(await readdir(dir)).not.toContain(path.basename(lockFolder));
}

it.each([
  // The draft, its mark, what may stand in the way, the renaming, a beat, and two of the release.
  ['takes it', 7],
  ['takes it over', 8],
])('comes free whatever step its holder is killed before, while it %s', async (way, steps) => {
  if (way === 'takes it over') await leaveDeadMark();
  const killed = async (step: number): Promise<void> => {
    const own = path.join(dir, `${step}.lock`);
    if (way === 'takes it over') await cp(folder, own, { recursive: true });
    expect((await start({ folder: own, killBefore: step }).ended).signal).toBe('SIGKILL');
    await expectFree(own);
  };
  await Promise.all(Array.from({ length: steps }, (_, step) => killed(step + 1)));
  expect(await start({ killBefore: steps + 1 }).ended).toEqual({ signal: null, output: 'held\nreleased\n' });
  await expectFree();
});

it('has one holder at a time, however many want it and die', async () => {
  const inside = path.join(dir, 'inside');
  const until = performance.now() + 4_000;
  let kills = 0;
  const race = async (): Promise<void> => {
    while (performance.now() < until) {
      const { signal, output } = await start({ killOneIn: 150, race: { rounds: 100, inside } }).ended;
      expect(output).not.toContain('violation');
      if (signal !== null) kills += 1;
    }
  };
  await Promise.all([race(), race(), race(), race()]);
  expect(kills).toBeGreaterThan(0);
  await expectFree();
});

it('stays with whoever was quicker than one who is held up at any step of taking it over', async () => {
  await leaveDeadMark();
  const overtaken = async (step: number): Promise<void> => {
    const own = path.join(dir, `${step}.lock`);
    await cp(folder, own, { recursive: true });
    const go = path.join(dir, `${step}.go`);
    const late = start({ folder: own, park: { before: step, until: go } });
    await late.says('parked');
    const lock = await tryLock(own);
    expect(lock).not.toBeNull();
    await writeFile(go, '');
    expect((await late.ended).output).toContain('refused');
    expect(await isLocked(own)).toBe(true);
    await delay(1_200);
    expect(lock?.lost.aborted).toBe(false);
    await lock?.release();
  };
  // Up to the renaming, after which it is the holder.
  await Promise.all([1, 2, 3, 4, 5].map(overtaken));
});

it('stays with a process that is stopped, whatever the clock says', async () => {
  const { child, says } = start({ holdMs: 60_000 });
  await says('held');
  child.kill('SIGSTOP');
  const [token = ''] = await readdir(folder);
  for (const hours of [-30, 30]) {
    const then = new Date(Date.now() + hours * 3_600_000);
    await utimes(path.join(folder, token), then, then);
    expect(await isLocked(folder)).toBe(true);
    expect(await tryLock(folder)).toBeNull();
  }
  child.kill('SIGKILL');
});

it('is seen by those who can’t look at its process, also after heartbeats that failed', async () => {
  const { says } = start({ holdMs: 60_000, failBeats: 2 });
  await says('held');
  const [token = ''] = await readdir(folder);
  const mark = path.join(folder, token);
  const made = (await stat(mark)).mtimeMs;
  await delay(2_000);
  expect((await stat(mark)).mtimeMs).toBe(made);
  const text = JSON.parse(await readFile(mark, 'utf8')) as object;
  await writeFile(mark, JSON.stringify({ ...text, pid: 1, scope: 'another machine' }));
  expect(await isLocked(folder)).toBe(true);
  expect(await tryLock(folder)).toBeNull();
});
