import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { commandOf, isAlive } from './processes.ts';
import { type TemporalSettings, temporalFolder } from './temporalSettings.ts';

const workerRecordSchema = z.object({
  pid: z.int().positive(),
  address: z.string(),
  namespace: z.string(),
  taskQueue: z.string(),
  /** Serves agent branches, too. Records of older builds don't say so, but do. */
  agents: z.boolean().default(true),
  /** The second queue that it serves, where it has a shared store. */
  sharedQueue: z.string().nullish(),
  state: z.enum(['starting', 'running', 'draining']),
  /** Forkpoint started it by itself, so Forkpoint may end it. */
  managed: z.boolean(),
  /** Digest of what it was started with; see `fingerprintOf`. */
  fingerprint: z.string(),
});
/** What a worker process writes about itself, so that a host that was restarted finds it. */
export type WorkerRecord = z.infer<typeof workerRecordSchema>;

function folderOf(settings: Pick<TemporalSettings, 'home'>): string {
  return path.join(temporalFolder(settings), 'workers');
}

export async function writeWorkerRecord(settings: Pick<TemporalSettings, 'home'>, record: WorkerRecord): Promise<void> {
  const folder = folderOf(settings);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, `${record.pid}.json`);
  await writeFile(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

export async function removeWorkerRecord(settings: Pick<TemporalSettings, 'home'>, pid: number): Promise<void> {
  await rm(path.join(folderOf(settings), `${pid}.json`), { force: true });
}

/** The living workers of this data folder. What dead ones left is removed. */
export async function readWorkerRecords(settings: Pick<TemporalSettings, 'home'>): Promise<WorkerRecord[]> {
  const folder = folderOf(settings);
  const names = (await readdir(folder).catch(() => [] as string[])).filter((name) => name.endsWith('.json'));
  const records = await Promise.all(names.map((name) => readOne(path.join(folder, name))));
  return records.filter((record) => record !== null);
}

async function readOne(file: string): Promise<WorkerRecord | null> {
  try {
    const record = workerRecordSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    // Process ids are used again: only a process that looks like a worker is one.
    if (isAlive(record.pid) && (await commandOf(record.pid))?.includes('worker')) return record;
  } catch {
    // Half-written or damaged: as good as none.
  }
  await rm(file, { force: true });
  return null;
}
