import { constants } from 'node:fs';
import {
  chmod,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  symlink,
  unlink,
} from 'node:fs/promises';
import path from 'node:path';
import type { InTree, TreeFile } from '../../core/changes/applyChanges.ts';
import { refusedPath } from '../../core/changes/changePaths.ts';
import { fileErrorCode, isAbsent } from '../fileErrors.ts';
import { openPlainFile } from '../plainFiles.ts';

const isWindows = process.platform === 'win32';
const refusedByLink = 'It lies behind a symbolic link.';

/** Files of a folder on disk, by paths that nobody vouches for: what leads out of the folder is refused. */
export class TreeFiles {
  readonly #root: string;

  /** @param root absolute, all links in it resolved */
  private constructor(root: string) {
    this.#root = root;
  }

  /** @throws the file system's error where there is no such folder */
  static async at(root: string): Promise<TreeFiles> {
    return new TreeFiles(await realpath(root));
  }

  /**
   * What is there now.
   * @param expected tells the mode where the system has none
   * @param leaving paths that are to be deleted: a link among them, and a folder that holds nothing else, make way for other files
   */
  async read(name: string, expected: TreeFile | null, leaving: ReadonlySet<string> = new Set()): Promise<InTree> {
    const refused = refusedPath(name, isWindows);
    if (refused !== null) return { refused };
    const file = path.join(this.#root, ...name.split('/'));
    try {
      const link = await this.#linkBefore(name);
      if (link !== null) return leaving.has(link) ? null : { refused: refusedByLink, isNoFile: true };
      const stats = await lstat(file);
      if (stats.isSymbolicLink()) return { mode: '120000', bytes: new Uint8Array(await readlink(file, 'buffer')) };
      if (stats.isDirectory())
        return (await this.#holdsOnly(name, leaving))
          ? null
          : { refused: 'A folder of this name is there: kept.', isNoFile: true };
      if (!stats.isFile()) return { refused: 'It is no plain file here: kept.' };
      const handle = await openPlainFile(file);
      try {
        const bytes = new Uint8Array(await handle.readFile());
        const plainMode = expected?.mode === '100755' ? '100755' : '100644';
        return { mode: isWindows ? plainMode : stats.mode & 0o100 ? '100755' : '100644', bytes };
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (isAbsent(error)) return null;
      return { refused: `It can’t be read here (${fileErrorCode(error) ?? 'error'}): left alone.` };
    }
  }

  /** Puts a file in place of what is there, as a whole. Other permissions of a file that was there are kept. */
  async write(name: string, file: TreeFile): Promise<void> {
    const target = path.join(this.#root, ...name.split('/'));
    await this.#makeParents(name);
    const draft = path.join(path.dirname(target), `.forkpoint-${crypto.randomUUID()}.partial`);
    try {
      if (file.mode === '120000') await symlink(Buffer.from(file.bytes), draft);
      else await this.#writeDraft(draft, file, target);
      // Looked at again as late as can be: a folder may have become a link meanwhile.
      await this.#checkParents(name);
      // A folder that the branch replaced by this file is empty by now; any other one is in the way, and stays.
      await rmdir(target).catch(() => {});
      await rename(draft, target);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  /** Deletes a file, and the folders that are empty then. */
  async remove(name: string): Promise<void> {
    await this.#checkParents(name);
    await unlink(path.join(this.#root, ...name.split('/')));
    for (let at = path.posix.dirname(name); at !== '.'; at = path.posix.dirname(at)) {
      if (
        !(await rmdir(path.join(this.#root, ...at.split('/'))).then(
          () => true,
          () => false,
        ))
      )
        return;
    }
  }

  async #writeDraft(draft: string, { mode, bytes }: TreeFile, target: string): Promise<void> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
    const handle = await open(draft, flags, mode === '100755' ? 0o777 : 0o666);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const old = await lstat(target).catch(() => null);
    if (isWindows || old?.isFile() !== true) return;
    const kept = old.mode & 0o777;
    await chmod(draft, mode === '100755' ? kept | ((kept & 0o444) >> 2) : kept & ~0o111);
  }

  /** @throws where a folder on the way is a link, or no folder */
  async #makeParents(name: string): Promise<void> {
    await this.#checkParents(name);
    let folder = this.#root;
    for (const part of name.split('/').slice(0, -1)) {
      folder = path.join(folder, part);
      await mkdir(folder).catch((error: unknown) => {
        if (fileErrorCode(error) !== 'EEXIST') throw error;
      });
    }
    await this.#checkParents(name);
  }

  async #checkParents(name: string): Promise<void> {
    if ((await this.#linkBefore(name)) !== null) throw new Error(refusedByLink);
  }

  /** The first folder on the way that is a link, relative to the root; null where none is. */
  async #linkBefore(name: string): Promise<string | null> {
    const parts = name.split('/').slice(0, -1);
    let folder = this.#root;
    for (const [at, part] of parts.entries()) {
      folder = path.join(folder, part);
      const stats = await lstat(folder).catch((error: unknown) => {
        if (isAbsent(error)) return null;
        throw error;
      });
      if (stats === null) return null;
      // On Windows a junction is no link to `lstat` everywhere; where it leads tells.
      if (stats.isSymbolicLink() || (isWindows && (await realpath(folder)).toLowerCase() !== folder.toLowerCase()))
        return parts.slice(0, at + 1).join('/');
    }
    return null;
  }

  async #holdsOnly(name: string, leaving: ReadonlySet<string>): Promise<boolean> {
    for (const entry of await readdir(path.join(this.#root, ...name.split('/')), { withFileTypes: true })) {
      const inner = `${name}/${entry.name}`;
      if (entry.isDirectory() ? !(await this.#holdsOnly(inner, leaving)) : !leaving.has(inner)) return false;
    }
    return true;
  }
}
