import { askGit, type GitOptions } from './runGit.ts';

/** An object of a repository as git stores it. */
export interface GitObject {
  type: string;
  bytes: Buffer;
}

/** Entry of a tree object: its mode in octal digits, as git writes it there (`40000` for a folder). */
export type TreeModes = ReadonlyMap<string, string>;

/**
 * Reads objects, all of them with one git: starting a process blocks a large one like the editor's for several milliseconds.
 * @param names as git understands them (`COMMIT:folder/file`); line ends in them need git 2.38
 * @returns in their order, null for each that is not there; null where git can't tell
 */
export async function readObjects(
  names: readonly string[],
  options: Omit<GitOptions, 'input'>,
): Promise<(GitObject | null)[] | null> {
  const end = names.some((name) => name.includes('\n')) ? '\0' : '\n';
  const args = ['cat-file', '--batch', ...(end === '\0' ? ['-z'] : [])];
  const told = await askGit(args, { ...options, input: names.map((name) => name + end).join('') });
  return told === null ? null : objectsIn(told, names);
}

/** Null where that is not what git prints. */
function objectsIn(told: Buffer, names: readonly string[]): (GitObject | null)[] | null {
  const found: (GitObject | null)[] = [];
  let at = 0;
  for (const name of names) {
    const missing = Buffer.from(`${name} missing\n`);
    if (told.subarray(at, at + missing.length).equals(missing)) {
      found.push(null);
      at += missing.length;
      continue;
    }
    const lineEnd = told.indexOf('\n', at);
    const [, type = '', size] =
      /^[0-9a-f]+ (\w+) (\d+)$/.exec(told.toString('latin1', at, Math.max(at, lineEnd))) ?? [];
    if (size === undefined) return null;
    const from = lineEnd + 1;
    found.push({ type, bytes: told.subarray(from, from + Number(size)) });
    at = from + Number(size) + 1;
  }
  return found;
}

/** Names and modes in a tree object. @param idBytes length of an object's id */
export function treeModes(tree: Buffer, idBytes: number): TreeModes {
  const modes = new Map<string, string>();
  for (let at = 0; at < tree.length; ) {
    const space = tree.indexOf(' ', at);
    const end = tree.indexOf(0, space);
    modes.set(tree.toString('utf8', space + 1, end), tree.toString('latin1', at, space));
    at = end + 1 + idBytes;
  }
  return modes;
}
