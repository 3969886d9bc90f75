// A process that takes a lock, for tests that kill it, hold it up or let it race: `node lockProgram.ts '{"folder": …}'`.
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';

/** What a process does with a lock. */
export interface LockTask {
  folder: string;
  /** Ends itself before its nth step on disk. Default: never. */
  killBefore?: number;
  /** Ends itself in one step of so many. */
  killOneIn?: number;
  /** Waits before its nth step until the file is there. */
  park?: { before: number; until: string };
  /** So many heartbeats fail. */
  failBeats?: number;
  /** Takes the lock so many times, with this file there while it holds it. Default: once, for `holdMs`. */
  race?: { rounds: number; inside: string };
  holdMs?: number;
}

const task = JSON.parse(process.argv[2] ?? '') as LockTask;
let steps = 0;
let beats = 0;

async function beforeStep(name: string): Promise<void> {
  steps += 1;
  if (steps === task.killBefore) process.kill(process.pid, 'SIGKILL');
  if (task.killOneIn !== undefined && Math.random() * task.killOneIn < 1) process.kill(process.pid, 'SIGKILL');
  // Whoever goes on at another's pace finds more than a race on two cores would.
  if (task.race !== undefined && Math.random() < 0.3) await delay(Math.random() * 8);
  if (steps === task.park?.before) {
    console.log('parked');
    while ((await fs.stat(task.park.until).catch(() => null)) === null) await delay(10);
  }
  if (name === 'utimes') {
    beats += 1;
    if (beats <= (task.failBeats ?? 0)) throw Object.assign(new Error('EIO: i/o error, utime'), { code: 'EIO' });
  }
}

const steppers = fs as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
for (const name of ['mkdir', 'writeFile', 'rename', 'utimes', 'unlink', 'rmdir', 'rm']) {
  const real = steppers[name] as (...args: unknown[]) => Promise<unknown>;
  steppers[name] = async (...args) => {
    await beforeStep(name);
    return real(...args);
  };
}
syncBuiltinESMExports();

const { tryLock } = await import('../../src/adapters/fileLock.ts');
const { startOf } = await import('../../src/adapters/processStart.ts');

async function holdAlone(inside: string): Promise<void> {
  const other = Number(await fs.readFile(inside, 'utf8').catch(() => ''));
  if (other > 0 && startOf(other) !== null) console.log(`violation: ${other} is inside beside ${process.pid}`);
  await fs.writeFile(inside, String(process.pid));
  await delay(Math.random() * 8);
  const now = await fs.readFile(inside, 'utf8');
  if (now !== String(process.pid)) console.log(`violation: ${now} came in beside ${process.pid}`);
  await fs.writeFile(inside, '');
}

if (task.race !== undefined) {
  const { rounds, inside } = task.race;
  for (let round = 0; round < rounds; ) {
    const lock = await tryLock(task.folder);
    if (lock !== null) {
      round += 1;
      await holdAlone(inside);
      await lock.release();
    } else await delay(Math.random() * 3);
  }
  console.log('done');
} else {
  const lock = await tryLock(task.folder);
  console.log(lock === null ? 'refused' : 'held');
  await delay(task.holdMs ?? 1_200);
  await lock?.release();
  console.log(lock?.lost.aborted ? 'lost' : 'released');
}
process.exit();
