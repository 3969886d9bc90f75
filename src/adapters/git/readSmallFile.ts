import { openPlainFile } from '../plainFiles.ts';

const largest = 16 * 1024;

/**
 * Text of a small file, of git's for example; null where it is not there, is no plain file, can't be read or is far too large.
 * @param largestBytes what is too large
 */
export async function readSmallFile(file: string, largestBytes = largest): Promise<string | null> {
  const handle = await openPlainFile(file).catch(() => null);
  if (handle === null) return null;
  try {
    const { size } = await handle.stat();
    return size > largestBytes ? null : await handle.readFile('utf8');
  } catch {
    return null;
  } finally {
    await handle.close();
  }
}
