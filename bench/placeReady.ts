// `node placeReady.ts ROUNDS FILES`: how long until a program runs in an overlay of a generated repository, beside `git worktree add`
// of it, and what the overlay takes on disk for what was changed in it. Prints a line of JSON.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createChangeStore } from '../src/adapters/changes/createChangeStore.ts';
import { createPlaces } from '../src/adapters/places/createPlaces.ts';
import type { Place } from '../src/core/agent/agentPorts.ts';
import { runIdSchema } from '../src/core/ids.ts';
import { benchFolder } from './corpus/cachedCorpus.ts';
import { alternate, median } from './measure.ts';

const rounds = Number(process.argv[2] ?? 3);
const files = Number(process.argv[3] ?? 100_000);
const inFolder = 100;
const changedBytes = 20_000_000;
const runId = runIdSchema.parse('r-bench');
const env = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
};

mkdirSync(benchFolder, { recursive: true });
const scratch = mkdtempSync(path.join(benchFolder, 'places-'));
const repository = path.join(scratch, 'repository');
const worktree = path.join(scratch, 'worktree');
const home = path.join(scratch, 'home', 'places');

function git(...args: string[]): void {
  const who = ['-c', 'user.name=Bench', '-c', 'user.email=bench@example.com', '-c', 'gc.auto=0'];
  execFileSync('git', [...who, ...args], { cwd: repository, env, stdio: 'pipe' });
}

function generate(): void {
  mkdirSync(repository);
  git('init', '-q');
  for (let at = 0; at < files / inFolder; at += 1) {
    const folder = path.join(repository, `folder${at}`);
    mkdirSync(folder);
    for (let file = 0; file < inFolder; file += 1)
      writeFileSync(path.join(folder, `file${file}.txt`), `file ${file} of folder ${at}\n`.repeat(20));
  }
  git('add', '.');
  git('commit', '-q', '-m', 'all');
}

async function run(place: Place, script: string): Promise<void> {
  const program = place.spawn(['sh', '-c', script], { env });
  const { exitCode } = await program.ended;
  if (exitCode !== 0) throw new Error(`The script in the place ended with ${exitCode}.`);
}

/** From nothing known to a program that runs in it: what the machine can do is tried, too. */
async function overlayMs(round: number): Promise<number> {
  const started = performance.now();
  const places = createPlaces({ folder: home, changes: createChangeStore(home), isRunKnown: () => true });
  const id = { runId, name: `b${round}` };
  const readBlob = () => Promise.reject(new Error('There is nothing to read.'));
  const order = { id, kind: 'overlay' as const, folder: repository, base: null, files: [], include: [], readBlob };
  const place = await places.create(order, new AbortController().signal);
  await run(place, ':');
  const took = performance.now() - started;
  await places.remove(id);
  return took;
}

async function worktreeMs(): Promise<number> {
  const started = performance.now();
  git('worktree', 'add', '-q', '--detach', worktree);
  const took = performance.now() - started;
  git('worktree', 'remove', '--force', worktree);
  return Promise.resolve(took);
}

/** Bytes on disk for each byte that a program wrote: new files, and small changes of old ones. */
async function diskRatio(): Promise<number> {
  const places = createPlaces({ folder: home, changes: createChangeStore(home), isRunKnown: () => true });
  const readBlob = () => Promise.reject(new Error('There is nothing to read.'));
  const id = { runId, name: 'disk' };
  const order = { id, kind: 'overlay' as const, folder: repository, base: null, files: [], include: [], readBlob };
  const place = await places.create(order, new AbortController().signal);
  const large = (changedBytes - 100 * 4096) / 10;
  await run(
    place,
    `for i in 0 1 2 3 4 5 6 7 8 9; do head -c ${large} /dev/urandom >new$i; done
     for i in $(seq 0 99); do head -c 4096 /dev/urandom >folder0/file$i.txt; done`,
  );
  const [info] = await places.list();
  await places.remove(id);
  return (info?.bytes ?? Number.NaN) / changedBytes;
}

try {
  generate();
  const [ours = [], peer = []] = await alternate(rounds, [overlayMs, worktreeMs]);
  const disk = await diskRatio();
  // The first round warms up.
  console.log(JSON.stringify({ ourMs: median(ours.slice(1)), worktreeMs: median(peer.slice(1)), disk }));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
