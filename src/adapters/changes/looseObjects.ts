import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { deflate, inflate } from 'node:zlib';
import { messageOf, StorageError } from '../../core/errors.ts';
import { fileErrorCode, isAbsent } from '../fileErrors.ts';

const deflated = promisify(deflate);
const inflated = promisify(inflate);

const config = '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n';

/** The folder of a bare repository, made where it isn't there. Written by ourselves: it takes no process, and no git. */
export async function makeBareRepository(folder: string): Promise<void> {
  if ((await stat(path.join(folder, 'HEAD')).catch(() => null)) !== null) return;
  await mkdir(path.join(folder, 'objects'), { recursive: true, mode: 0o700 });
  await mkdir(path.join(folder, 'refs'), { recursive: true, mode: 0o700 });
  await writeFile(path.join(folder, 'config'), config, { mode: 0o600 });
  // Last: git takes a folder for a repository only with it. By renaming, for several processes may make it at once.
  const draft = path.join(folder, `HEAD.${randomUUID()}`);
  await writeFile(draft, 'ref: refs/heads/main\n', { mode: 0o600 });
  await rename(draft, path.join(folder, 'HEAD'));
}

function fileOf(folder: string, oid: string): string {
  return path.join(folder, 'objects', oid.slice(0, 2), oid.slice(2));
}

/**
 * Stores a git blob as a loose object. A branch changes many small files, and a process for each would take longer than all else:
 * so this writes the object itself, in the format that every git reads.
 * @param folder of a bare repository
 * @returns the object id
 */
export async function putBlob(folder: string, bytes: Uint8Array): Promise<string> {
  const header = Buffer.from(`blob ${bytes.length}\0`);
  const oid = createHash('sha1').update(header).update(bytes).digest('hex');
  const file = fileOf(folder, oid);
  if ((await stat(file).catch(() => null)) !== null) return oid;
  await makeBareRepository(folder);
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const draft = path.join(path.dirname(file), `tmp_obj_${randomUUID()}`);
  const handle = await open(draft, 'wx', 0o444);
  try {
    await handle.writeFile(await deflated(Buffer.concat([header, bytes]), { level: 1 }));
    await handle.close();
    await putInPlace(draft, file);
  } finally {
    await handle.close().catch(() => {});
    await rm(draft, { force: true });
  }
  return oid;
}

/** Never replaces: who reads the object in another process keeps what it has. Where links can't be had, renaming does it. */
async function putInPlace(draft: string, file: string): Promise<void> {
  try {
    await link(draft, file);
  } catch (error) {
    if (fileErrorCode(error) !== 'EEXIST') await rename(draft, file);
  }
}

/** @throws StorageError where there is no such object, or it is damaged */
export async function readBlob(folder: string, oid: string): Promise<Uint8Array> {
  const file = fileOf(folder, oid);
  const hint = 'Run the branch again; recorded sessions are not affected.';
  const packed = await readFile(file).catch((error: unknown) => {
    const what = isAbsent(error) ? 'is gone' : `can’t be read (${messageOf(error)})`;
    throw new StorageError(`A version of a changed file ${what}: ${file}`, hint, { oid }, { cause: error });
  });
  const whole = await inflated(packed).catch(() => Buffer.alloc(0));
  if (createHash('sha1').update(whole).digest('hex') !== oid || whole.toString('latin1', 0, 5) !== 'blob ')
    throw new StorageError(`A version of a changed file is damaged: ${file}`, hint, { oid });
  return new Uint8Array(whole.subarray(whole.indexOf(0) + 1));
}
