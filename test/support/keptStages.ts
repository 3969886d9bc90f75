import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A folder for what `ForkStage` recorded, which the next stage begins from, until all tests have ended. */
export default async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'forkpoint-stages-'));
  process.env['FORKPOINT_KEPT_STAGES'] = folder;
  return () => rm(folder, { recursive: true, force: true });
}
