import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isAbsent } from './fileErrors.ts';

/** Writes one of our small files atomically: a reader finds the old text or the new one. Creates its folder. */
export async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.${crypto.randomUUID()}.partial`;
  const write = (): Promise<void> => writeFile(draft, text, { mode: 0o600, flag: 'wx' });
  try {
    await write().catch(async (error: unknown) => {
      if (!isAbsent(error)) throw error;
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await write();
    });
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
