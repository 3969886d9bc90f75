import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { commandOf, isAlive } from './processes.ts';
import { type TemporalSettings, temporalFolder } from './temporalSettings.ts';

const recordSchema = z.object({ pid: z.int().positive(), address: z.string(), ui: z.string() });
/** What we write of the dev server that we started, so that every window and command finds it. */
export type ServerRecord = z.infer<typeof recordSchema>;

type Home = Pick<TemporalSettings, 'home'>;

function fileOf(settings: Home): string {
  return path.join(temporalFolder(settings), 'dev-server.json');
}

/** The dev server of this data folder, if that process is still it. */
export async function readServerRecord(settings: Home): Promise<ServerRecord | null> {
  const text = await readFile(fileOf(settings), 'utf8').catch(() => null);
  if (text === null) return null;
  const parsed = recordSchema.safeParse(parseJson(text));
  if (!parsed.success || !isAlive(parsed.data.pid)) return null;
  const command = await commandOf(parsed.data.pid);
  const port = parsed.data.address.slice(parsed.data.address.lastIndexOf(':') + 1);
  return command?.includes('start-dev') && command.includes(port) ? parsed.data : null;
}

export async function writeServerRecord(settings: Home, record: ServerRecord): Promise<void> {
  await writeFile(fileOf(settings), JSON.stringify(record), { mode: 0o600 });
}

export async function removeServerRecord(settings: Home): Promise<void> {
  await rm(fileOf(settings), { force: true });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
