import { SessionBuilder } from '../../../core/session/turnTree.ts';
import { SessionFiles } from '../sessionFiles.ts';
import { OutlineIndex } from './outlineIndex.ts';

/** So many sessions, the first ones given: a person opens the latest, and each is as much work as opening it. */
const mostAhead = 10;

/**
 * Caches long sessions that were never opened, so that they are there at once when they are.
 * @param files paths of transcripts, those first that are most likely to be opened; short ones are passed over
 * @param index the index's folder
 * @param tried paths of sessions that are passed over, because they have been read before; gets those that are read now
 * @param pause awaited before each session
 * @returns ends when they are cached; what can't be read is left to who opens it
 */
export async function warmSessionCache(
  files: readonly { file: string; state: { bytes: number } }[],
  index: string,
  tried: Set<string>,
  pause: () => Promise<unknown>,
): Promise<void> {
  const outlines = new OutlineIndex(index);
  const long = files.filter(({ state }) => state.bytes >= outlines.cacheFrom).slice(0, mostAhead);
  for (const { file } of long) {
    // A damaged session is not cached, nor is any where the index can't be kept.
    if (tried.has(file) || outlines.get(file, 'scan') !== null) continue;
    tried.add(file);
    await pause();
    const session = new SessionFiles(file, outlines);
    try {
      const read = await session.read();
      session.cache(new SessionBuilder().build(read.transcript, read.origin), read);
    } catch {
      // Gone or not readable by now.
    } finally {
      session.close();
    }
  }
}
