// src/adapters/changes: changes as git objects of a run: diffs, patches, and applying them. The user's tree is
// written by applyToTree.ts and toGitBranch.ts only.

import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ChangedFile } from '../../core/agent/agentFacts.ts';
import type { ChangeStore, DiffSides } from '../../core/agent/agentPorts.ts';
import type { FileVersion } from '../../core/changes/changes.ts';
import { messageOf, StorageError } from '../../core/errors.ts';
import type { RunId } from '../../core/ids.ts';
import { needGit } from '../git/runGit.ts';
import { makeBareRepository, putBlob, readBlob } from './looseObjects.ts';
import { parseDiffFacts } from './parseDiffFacts.ts';
import { type StatePair, statePair, swapsFolders } from './statePair.ts';

// Renames among more files than this are told as deleted and added: finding them takes the square of that.
const renames = ['-M', '-l1000'];
const plain = ['--no-ext-diff', '--no-textconv', '--no-color', '--ignore-submodules=none'];
const patchForm = [
  '-p',
  '--binary',
  '--full-index',
  '--src-prefix=a/',
  '--dst-prefix=b/',
  '--diff-algorithm=histogram',
];

/**
 * Keeps the versions of files that a run's branches changed as git objects, in a bare repository of the run. Only the changed files
 * are in it: a diff of two states is one of two small trees.
 * @param places folder of all places; a run's objects lie in `RUN/objects.git` in it. Made with the first file that is stored
 */
export function createChangeStore(places: string): ChangeStore {
  const folderOf = (runId: RunId): string => path.join(places, runId, 'objects.git');

  const withTrees = async <T>(
    runId: RunId,
    sides: DiffSides,
    none: T,
    use: (trees: Trees) => Promise<T>,
  ): Promise<T> => {
    const pair = statePair(sides);
    if (pair.paths.length === 0) return none;
    const folder = folderOf(runId);
    await makeBareRepository(folder);
    return use({ folder, pair, a: await treeOf(folder, pair.a), b: await treeOf(folder, pair.b) });
  };

  return {
    put: (runId, bytes) =>
      putBlob(folderOf(runId), bytes).catch((error: unknown) => {
        throw new StorageError(
          `Can't store a changed file in ${folderOf(runId)}: ${messageOf(error)}`,
          'Check that the folder is writable and the disk is not full.',
          undefined,
          { cause: error },
        );
      }),
    read: (runId, oid) => readBlob(folderOf(runId), oid),
    files: (runId, sides) =>
      withTrees<ChangedFile[]>(runId, sides, [], async ({ folder, a, b }) => {
        const told = await inStore(folder, ['diff-tree', '-r', '-z', '--raw', '--numstat', ...renames, ...plain, a, b]);
        return parseDiffFacts(told.toString('utf8'));
      }),
    patch: (runId, sides) => withTrees(runId, sides, '', patchOf),
    remove: async (runId) => {
      await rm(folderOf(runId), { recursive: true, force: true });
      // The run's folder among the places goes with what was last in it.
      await rmdir(path.dirname(folderOf(runId))).catch(() => {});
    },
  };
}

interface Trees {
  folder: string;
  pair: StatePair;
  a: string;
  b: string;
}

function inStore(
  folder: string,
  args: readonly string[],
  options: { input?: string; env?: Record<string, string> } = {},
): Promise<Buffer> {
  const { input, env } = options;
  return needGit(args, { cwd: folder, config: 'none', input, env: { GIT_DIR: folder, ...env } });
}

/** Writes a tree of these files. An index of its own lets git check the paths and put folders in order. */
async function treeOf(folder: string, files: ReadonlyMap<string, FileVersion>): Promise<string> {
  const index = path.join(folder, `index.${randomUUID()}`);
  const input = Array.from(files, ([name, { mode, oid }]) => `${mode} ${oid}\t${name}\0`).join('');
  try {
    const env = { GIT_INDEX_FILE: index };
    await inStore(folder, ['update-index', '-z', '--index-info'], { input, env });
    return (await inStore(folder, ['write-tree'], { env })).toString('latin1').trim();
  } finally {
    await rm(index, { force: true });
  }
}

/**
 * Git takes every text without a NUL for text, in whatever encoding; as a string such a patch would be another one. Files of that
 * kind are put into it as binary ones.
 */
async function patchOf(trees: Trees): Promise<string> {
  const { folder, pair, a, b } = trees;
  // `git apply` refuses a file below a symbolic link that the same patch renames.
  const diff = ['diff-tree', '-r', ...patchForm, ...(swapsFolders(pair) ? ['--no-renames'] : renames), ...plain, a, b];
  const patch = await inStore(folder, diff);
  if (isUtf8(patch)) return patch.toString('utf8');
  const attributes = path.join(folder, `attributes.${randomUUID()}`);
  try {
    await writeFile(attributes, await binaryAttributes(trees), { mode: 0o600, flag: 'wx' });
    const mended = await inStore(folder, ['-c', `core.attributesFile=${attributes}`, ...diff]);
    if (isUtf8(mended)) return mended.toString('utf8');
  } finally {
    await rm(attributes, { force: true });
  }
  throw new StorageError(
    'A symbolic link points to a name that is no UTF-8: a patch of it can’t be written as text.',
    'Apply the branch instead of its patch.',
  );
}

async function binaryAttributes({ folder, pair }: Trees): Promise<string> {
  const lines: string[] = [];
  for (const name of pair.paths) {
    for (const version of [pair.a.get(name), pair.b.get(name)]) {
      if (version === undefined || isUtf8(await readBlob(folder, version.oid))) continue;
      lines.push(`${attributePattern(name)} -diff\n`);
      break;
    }
  }
  return lines.join('');
}

/** A path as a pattern of git's attributes that matches nothing else: quoted as in C, wildcards escaped. */
function attributePattern(name: string): string {
  const literal = `/${name}`.replaceAll(/[\\*?[\]]/g, '\\$&');
  const bytes = Buffer.from(literal, 'utf8').toString('latin1');
  return `"${bytes.replaceAll(/["\\\u0000-\u001f\u007f-\u00ff]/g, octal)}"`;
}

function octal(byte: string): string {
  return `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`;
}
