import { randomUUID } from 'node:crypto';
import { chmod, link, mkdir, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, StorageError } from '../../core/errors.ts';
import type { SharedStore } from '../../core/sharedStore.ts';
import { fileErrorCode, isAbsent } from '../fileErrors.ts';
import { checkedName } from './objectName.ts';

const draftEnd = '.partial';
/** An object of this size is written as fast as it is looked for. */
const smallBytes = 64 * 1024;

/**
 * A folder that all machines have mounted. Who may write to the folder may write to all in it, other users of a machine included:
 * what is made there takes over its permissions.
 * @param folder made when the first object is written
 */
export function createFolderStore(folder: string): SharedStore {
  return new FolderStore(folder);
}

class FolderStore implements SharedStore {
  readonly location: string;
  readonly pollMs = 100;
  #mode: Promise<number> | null = null;

  constructor(folder: string) {
    this.location = folder;
  }

  async get(name: string): Promise<Uint8Array | null> {
    try {
      return await readFile(this.#file(name));
    } catch (error) {
      if (isAbsent(error)) return null;
      throw storageError(`Can't read ${name} in ${this.location}`, error);
    }
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    await this.#write(name, bytes, (draft, file) => rename(draft, file));
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    if (bytes.length > smallBytes && (await this.#has(name))) return false;
    let made = true;
    await this.#write(name, bytes, async (draft, file) => {
      // Two links can't have one name, on network folders neither; a renaming would replace what is there.
      await link(draft, file).catch((error: unknown) => {
        if (fileErrorCode(error) !== 'EEXIST') throw error;
        made = false;
      });
      // Nobody waits for that; a draft that is left is no object.
      void unlink(draft).catch(() => {});
    });
    return made;
  }

  async #has(name: string): Promise<boolean> {
    return stat(this.#file(name)).then(
      () => true,
      () => false,
    );
  }

  async list(prefix: string, after = ''): Promise<string[]> {
    const parent = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    try {
      const found = await readdir(path.join(this.location, parent), { recursive: true, withFileTypes: true });
      return found
        .filter((entry) => entry.isFile() && !entry.name.endsWith(draftEnd))
        .map((entry) => path.relative(this.location, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
        .filter((name) => name.startsWith(prefix) && name > after)
        .sort();
    } catch (error) {
      if (isAbsent(error)) return [];
      throw storageError(`Can't list ${prefix} in ${this.location}`, error);
    }
  }

  async deleteAll(prefix: string): Promise<void> {
    await rm(this.#file(prefix), { recursive: true, force: true, maxRetries: 3 }).catch((error: unknown) => {
      throw storageError(`Can't delete ${prefix} in ${this.location}`, error);
    });
  }

  #file(name: string): string {
    return path.join(this.location, checkedName(name));
  }

  async #write(name: string, bytes: Uint8Array, place: (draft: string, file: string) => Promise<void>): Promise<void> {
    const file = this.#file(name);
    const draft = `${file}.${randomUUID()}${draftEnd}`;
    try {
      const mode = await this.#modeOfAll();
      const write = (): Promise<void> => writeFile(draft, bytes, { flag: 'wx', mode: mode & 0o666 });
      await write().catch(async (error: unknown) => {
        if (!isAbsent(error)) throw error;
        await this.#makeFolder(path.dirname(file), mode);
        await write();
      });
      // What the process masks out comes back.
      if ((mode & 0o666 & process.umask()) !== 0) await chmod(draft, mode & 0o666);
      await place(draft, file);
    } catch (error) {
      await rm(draft, { force: true }).catch(() => {});
      throw storageError(`Can't write ${name} in ${this.location}`, error);
    }
  }

  /** Permissions of the folder itself. Without it: those that keep others out. */
  #modeOfAll(): Promise<number> {
    this.#mode ??= (async () => {
      await mkdir(this.location, { recursive: true, mode: 0o700 });
      return (await stat(this.location)).mode & 0o2777;
    })();
    this.#mode.catch(() => {
      this.#mode = null;
    });
    return this.#mode;
  }

  async #makeFolder(folder: string, mode: number): Promise<void> {
    try {
      await mkdir(folder);
      // Whatever the process masks out.
      await chmod(folder, mode);
    } catch (error) {
      if (fileErrorCode(error) === 'EEXIST') return;
      if (!isAbsent(error) || folder === this.location) throw error;
      await this.#makeFolder(path.dirname(folder), mode);
      await this.#makeFolder(folder, mode);
    }
  }
}

function storageError(what: string, cause: unknown): StorageError {
  const hint = 'Check that the folder is mounted and writable here, and that its disk is not full.';
  return new StorageError(`${what}: ${messageOf(cause)}`, hint, null, { cause });
}
