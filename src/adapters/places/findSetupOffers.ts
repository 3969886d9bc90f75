import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { type ParseError, parse as parseJsonc } from 'jsonc-parser';
import { parse as parseToml } from 'smol-toml';
import {
  linkedFolders,
  type SetupFile,
  type SetupOffer,
  setupFileNames,
  setupOffers,
} from '../../core/agent/setupOffers.ts';
import { readSmallFile } from '../git/readSmallFile.ts';

/** Larger ones are no set-up, in bytes. */
const largest = 256 * 1024;

/**
 * Looks for set-up that the repository has already for other tools. Reads files and runs nothing; what is not there, or can't be
 * understood, is no offer.
 * @param root of the project, absolute
 */
export async function findSetupOffers(root: string): Promise<SetupOffer[]> {
  const { claude, tasks, cursor, codexFolder, conductor, kiloUnix, kiloWindows } = setupFileNames;
  const environments = (await readdir(path.join(root, codexFolder)).catch(() => []))
    .filter((name) => name.endsWith('.toml'))
    .sort()
    .map((name) => `${codexFolder}/${name}`);
  const files = await Promise.all([
    claudeSettings(root, claude),
    ...[tasks, cursor, ...environments, conductor].map((name) => readData(root, name)),
    ...[...kiloUnix, ...kiloWindows].map((name) => scriptAt(root, name)),
  ]);
  const found = files.filter((file) => file !== null);
  return setupOffers(found, { root: root.replaceAll(path.sep, '/'), platform: process.platform });
}

async function readData(root: string, name: string): Promise<SetupFile | null> {
  const text = await readSmallFile(path.join(root, name), largest);
  if (text === null) return null;
  try {
    return { path: name, data: name.endsWith('.toml') ? parseToml(text) : fromJsonc(text) };
  } catch {
    return null;
  }
}

/** As VS Code reads it: with comments and commas at the end. @throws SyntaxError */
function fromJsonc(text: string): unknown {
  const errors: ParseError[] = [];
  const data: unknown = parseJsonc(text.replace(/^\uFEFF/, ''), errors, { allowTrailingComma: true });
  if (errors.length > 0) throw new SyntaxError('Not JSON.');
  return data;
}

/** Only with the folders that are there to be copied. */
async function claudeSettings(root: string, name: string): Promise<SetupFile | null> {
  const file = await readData(root, name);
  if (file === null) return null;
  const there = await Promise.all(
    linkedFolders(file.data).map(async (folder) => ((await isFolder(path.join(root, folder))) ? [folder] : [])),
  );
  return { path: name, data: { worktree: { symlinkDirectories: there.flat() } } };
}

async function scriptAt(root: string, name: string): Promise<SetupFile | null> {
  const there = await stat(path.join(root, name)).catch(() => null);
  return there?.isFile() === true ? { path: name, data: null } : null;
}

const isFolder = (folder: string): Promise<boolean> =>
  stat(folder).then(
    (there) => there.isDirectory(),
    () => false,
  );
