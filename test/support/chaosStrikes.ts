import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { waitForEnd } from '../../src/orchestration/temporal/processes.ts';
import { temporalFolder } from '../../src/orchestration/temporal/temporalSettings.ts';
import { readWorkerRecords } from '../../src/orchestration/temporal/workerRecords.ts';
import { canMountDisks, type SmallDisk } from './smallDisk.ts';
import type { TcpProxy } from './tcpProxy.ts';
import { killWorkers, type TestServer } from './temporal.ts';

/** What is done to a run under way. */
export const allStrikes = {
  worker: 'kill -9 of the worker',
  host: 'kill -9 of the process that dispatched the run, or looks after it',
  cli: 'kill -9 of a command that waits for the run',
  server: 'kill -9 of the server, started again with its database',
  database: 'kill -9 of the server, started again without its database',
  network: 'the network between all of them and the server is cut for a while',
  disk: 'the disk with the data of Forkpoint and of the server is full for a while',
  sleep: 'all of them stand still for longer than a heartbeat, and wake in any order',
  clock: 'the clock of worker, host and command is set by hours',
} as const;
export type Strike = keyof typeof allStrikes;

/** Those that this machine lets us do. */
export const strikes = (Object.keys(allStrikes) as Strike[]).filter((strike) => strike !== 'disk' || canMountDisks);

/** What strikes are done to. */
export interface Target {
  server: TestServer;
  network: TcpProxy;
  /** Null where none can be mounted. */
  disk: SmallDisk | null;
  home: string;
  /** Says by how many milliseconds clocks are wrong. */
  clockFile: string;
  /** Process ids of host and command, as far as they live. */
  pids: { host: number | null; cli: number | null };
}

/** Longer than the three seconds after which the server takes a call for lost whose worker says nothing. */
const sleepMs = 4_000;
const longestJumpMs = 6 * 3_600_000;

/** @param random gives numbers in [0, 1): how long it lasts, how far it goes */
export async function carryOut(strike: Strike, target: Target, random: () => number): Promise<void> {
  const { server, network, disk, home, clockFile, pids } = target;
  const forMs = 300 + random() * 3_000;
  switch (strike) {
    case 'worker':
      return void (await killWorkers(home));
    case 'host':
      return kill(pids.host);
    case 'cli':
      return kill(pids.cli);
    case 'server':
    case 'database':
      await kill(await serverPid(server));
      if (strike === 'database') await removeDatabase(server);
      await delay(forMs);
      return void (await server.control.startServer());
    case 'network':
      network.cut();
      await delay(forMs);
      return network.mend();
    case 'disk':
      disk?.fill();
      await delay(forMs);
      return disk?.free();
    case 'sleep':
      return allAsleep(target, random);
    case 'clock':
      // Worker and the others look at it twenty times a second.
      return writeFile(clockFile, String(Math.round((random() * 2 - 1) * longestJumpMs)));
  }
}

async function serverPid(server: TestServer): Promise<number> {
  const { pid } = (await server.control.status()).server;
  if (pid === null) throw new Error('The server has no process.');
  return pid;
}

async function removeDatabase({ home }: TestServer): Promise<void> {
  for (const name of ['temporal.db', 'temporal.db-shm', 'temporal.db-wal'])
    await rm(path.join(temporalFolder({ home }), name), { force: true });
}

async function allAsleep({ server, home, pids }: Target, random: () => number): Promise<void> {
  const workers = (await readWorkerRecords({ home })).map(({ pid }) => pid);
  const all = [await serverPid(server), ...workers, pids.host, pids.cli].filter((pid) => pid !== null);
  for (const pid of all) signal(pid, 'SIGSTOP');
  await delay(sleepMs);
  for (const pid of shuffled(all, random)) {
    signal(pid, 'SIGCONT');
    await delay(random() * 100);
  }
}

async function kill(pid: number | null): Promise<void> {
  if (pid === null) return;
  signal(pid, 'SIGKILL');
  await waitForEnd(pid, 5_000);
}

/** One that has ended by itself needs none. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** The same in another order. */
export function shuffled<T>(all: readonly T[], random: () => number): T[] {
  const left = [...all];
  return all.flatMap(() => left.splice(Math.floor(random() * left.length), 1));
}

/** Numbers in [0, 1) that a seed decides (the splitmix32 generator). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}
