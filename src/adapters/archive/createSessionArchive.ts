import { lstat, type open, realpath, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type { KeptSession, SessionArchive } from '../../core/archive/sessionArchive.ts';
import type { Clock } from '../../core/clock.ts';
import { BadInputError, ForkpointError, messageOf, NotFoundError, StorageError } from '../../core/errors.ts';
import { checkpointsIn, pathInConfig, projectsIn, sessionIdOf } from '../claudeCode/layout.ts';
import { projectFolders } from '../claudeCode/projectFiles.ts';
import { type SessionPart, sessionParts, subagentsBeside, transcriptOf } from '../claudeCode/sessionParts.ts';
import { fileErrorCode } from '../fileErrors.ts';
import { entriesOf, openPlainFile, plainFile } from '../plainFiles.ts';
import { copyWhole, eachPiece, isCurrent, removeAbandoned } from './copyWhole.ts';

export interface SessionArchiveOptions {
  /** Absolute path of the archive, existing or not. */
  folder: string;
  /** Config folders that sessions are kept from. */
  claudeDirs: readonly string[];
  clock: Pick<Clock, 'now'>;
  /** Opens a new file for writing. Default: the system's. */
  openTarget?: typeof open;
}

/** Kept sessions as files, laid out like a Claude config folder. Several processes may share it. */
export function createSessionArchive(options: SessionArchiveOptions): SessionArchive {
  return new FileSessionArchive(options);
}

class FileSessionArchive implements SessionArchive {
  readonly folder: string;
  readonly #options: SessionArchiveOptions;

  constructor(options: SessionArchiveOptions) {
    this.folder = options.folder;
    this.#options = options;
  }

  async keep(file: string): Promise<KeptSession> {
    const transcript = transcriptOf(resolve(file));
    const stats = await plainFile(transcript).catch(() => null);
    if (stats === null || sessionIdOf(basename(transcript)) === null) {
      throw new NotFoundError(
        `There is no session at ${transcript}.`,
        'Refresh the list of sessions and choose again.',
      );
    }
    const own: SessionPart = { file: transcript, place: pathInConfig(transcript) };
    const copy = join(this.folder, own.place);
    if (transcript === copy) return { file: copy, copied: 0, bytes: stats.size };
    try {
      await removeAbandoned(dirname(copy), this.#options.clock.now());
      // The transcript comes last: where it is, all that belongs to it is there too.
      const parts = [...(await sessionParts(transcript)), own];
      const kept = { file: copy, copied: 0, bytes: 0 };
      for (const part of parts) {
        const { copied, bytes } = await this.#copy(part);
        kept.copied += copied ? 1 : 0;
        kept.bytes += bytes;
      }
      return kept;
    } catch (error) {
      throw this.#explained(error, 'kept');
    }
  }

  async #copy({ file, place }: SessionPart): Promise<{ copied: boolean; bytes: number }> {
    const to = join(this.folder, place);
    const original = await plainFile(file);
    // Deleted since it was listed: what there was of it is kept.
    if (original === null) return { copied: false, bytes: 0 };
    const existing = await plainFile(to);
    if (existing !== null && isCurrent(original, existing)) return { copied: false, bytes: original.size };
    if (existing !== null && to.endsWith('.jsonl') && !(await goesOnFrom(file, to))) {
      throw new BadInputError(
        `The archive holds another version of ${basename(file)}, and this one doesn't go on from it.`,
        'Remove it from the archive first, or copy it elsewhere.',
        { original: file, copy: to },
      );
    }
    await copyWhole(file, to, this.#options.openTarget);
    return { copied: true, bytes: original.size };
  }

  async forget(file: string): Promise<void> {
    const place = pathInConfig(resolve(file));
    const sessionId = sessionIdOf(basename(place));
    const copy = join(this.folder, place);
    if (sessionId === null || (await plainFile(copy).catch(() => null)) === null) {
      throw new NotFoundError('The archive has no copy of this session.', 'Refresh the list of sessions.');
    }
    const project = dirname(copy);
    await this.#assertInside(project);
    try {
      // First what makes it a session, so that nothing half-deleted is listed.
      await rm(copy);
      await rm(join(project, sessionId), { recursive: true, force: true });
      for (const agent of await subagentsBeside(project, sessionId)) await rm(agent, { force: true });
      if (!(await this.#holds(sessionId))) await this.#removeCheckpoints(sessionId);
      await rmdir(project).catch(() => undefined);
    } catch (error) {
      throw this.#explained(error, 'removed');
    }
  }

  async #removeCheckpoints(sessionId: string): Promise<void> {
    const history = checkpointsIn(this.folder);
    if ((await lstat(history).catch(() => null))?.isDirectory() !== true) return;
    await this.#assertInside(history);
    await rm(join(history, sessionId), { recursive: true, force: true });
  }

  async refresh(): Promise<{ refreshed: number; failed: { file: string; error: Error }[] }> {
    const result: { refreshed: number; failed: { file: string; error: Error }[] } = { refreshed: 0, failed: [] };
    for (const place of await this.#places()) {
      const copy = await stat(join(this.folder, place)).catch(() => null);
      for (const claudeDir of this.#options.claudeDirs) {
        const file = join(claudeDir, place);
        const original = await plainFile(file).catch(() => null);
        if (copy === null || original === null || isCurrent(original, copy)) continue;
        try {
          await this.keep(file);
          result.refreshed += 1;
        } catch (error) {
          result.failed.push({ file, error: error instanceof Error ? error : new Error(messageOf(error)) });
        }
      }
    }
    return result;
  }

  /** All transcripts of the archive, as paths in it. */
  async #places(): Promise<string[]> {
    const folders = await projectFolders(projectsIn(this.folder));
    const places = folders.map(async (folder) =>
      (await entriesOf(folder))
        .filter((entry) => entry.isFile() && sessionIdOf(entry.name) !== null)
        .map(({ name }) => pathInConfig(join(folder, name))),
    );
    return (await Promise.all(places)).flat();
  }

  async #holds(sessionId: string): Promise<boolean> {
    return (await this.#places()).some((place) => basename(place, '.jsonl') === sessionId);
  }

  /** Nothing outside is ever deleted, also where a folder of the archive is a link out of it. */
  async #assertInside(folder: string): Promise<void> {
    const [inner, outer] = await Promise.all([realpath(folder), realpath(this.folder)]);
    if (inner.startsWith(`${outer}${sep}`)) return;
    throw new StorageError(
      `${folder} leads out of the archive, so nothing in it is deleted.`,
      'Remove that link by hand.',
    );
  }

  #explained(error: unknown, done: 'kept' | 'removed'): Error {
    if (error instanceof ForkpointError) return error;
    const full = ['ENOSPC', 'EDQUOT'].includes(fileErrorCode(error) ?? '');
    return new StorageError(
      `The session can't be ${done}: ${full ? `the disk of ${this.folder} is full` : messageOf(error)}.`,
      full ? 'Free some space there and try again.' : `Check that ${this.folder} can be written.`,
      undefined,
      { cause: error },
    );
  }
}

/** Does the file begin with the whole copy? A recording is only ever appended to. */
async function goesOnFrom(file: string, copy: string): Promise<boolean> {
  const before = await openPlainFile(copy);
  try {
    const now = await openPlainFile(file);
    try {
      const { size } = await before.stat();
      if ((await now.stat()).size < size) return false;
      let equal = true;
      let position = 0;
      await eachPiece(before, size, async (piece) => {
        if (!equal) return;
        const other = Buffer.allocUnsafe(piece.length);
        const { bytesRead } = await now.read(other, 0, piece.length, position);
        position += piece.length;
        equal = bytesRead === piece.length && other.equals(piece);
      });
      return equal;
    } finally {
      await now.close();
    }
  } finally {
    await before.close();
  }
}
