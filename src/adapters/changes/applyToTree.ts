import {
  type AppliedFile,
  type ApplyPlan,
  type ApplyResult,
  appliedFile,
  type InTree,
  isWritten,
  type MergeText,
  type PlannedFile,
  planFile,
  sameFile,
  type TreeFile,
} from '../../core/changes/applyChanges.ts';
import type { ChangeSet, FileVersion } from '../../core/changes/changes.ts';
import { messageOf, StorageError } from '../../core/errors.ts';
import { sentence } from '../../core/format.ts';
import { TreeFiles } from './treeFiles.ts';

/** Reads a version of a file, null for no file. */
export type ReadVersion = (version: FileVersion | null) => Promise<TreeFile | null>;

/** What applying a branch to a tree would do. Writes nothing. @throws StorageError */
export async function planApply(order: {
  changes: ChangeSet;
  root: string;
  read: ReadVersion;
  merge: MergeText;
}): Promise<ApplyPlan> {
  const { changes, root, read, merge } = order;
  const tree = await treeAt(root);
  const deleted = new Set(changes.changes.flatMap(({ path, after }) => (after === null ? path : [])));
  const files: PlannedFile[] = [];
  // One after the other: files may be large.
  for (const { path, before, after } of changes.changes) {
    const [base, theirs] = [await read(before), await read(after)];
    const ours = await tree.read(path, base ?? theirs, deleted);
    files.push(await planFile(path, { base, theirs, ours }, merge));
  }
  return { root, files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), notes: changes.notes };
}

/**
 * Writes the files of a preview and nothing else, each as a whole or not at all.
 * @throws StorageError where the tree is gone
 */
export async function applyPlan({ root, files }: ApplyPlan): Promise<ApplyResult> {
  const tree = await treeAt(root);
  const written = files.filter(isWritten);
  // Files make way for folders, and folders for files.
  const order = [...written.filter((file) => file.new === null), ...written.filter((file) => file.new !== null)];
  const outcomes = new Map<string, AppliedFile>();
  let applied = false;
  for (const file of order) {
    const refused = await writeFile(tree, file);
    applied ||= refused === null;
    if (refused !== null) outcomes.set(file.path, { path: file.path, status: 'conflict', conflict: refused });
  }
  return { applied, files: files.map((file) => outcomes.get(file.path) ?? appliedFile(file)) };
}

function isRefused(found: InTree): found is { refused: string } {
  return found !== null && 'refused' in found;
}

/** @returns why the file was not written, null where it was */
async function writeFile(tree: TreeFiles, file: PlannedFile): Promise<string | null> {
  const now = await tree.read(file.path, file.old);
  if (isRefused(now)) return now.refused;
  if (!sameFile(now, file.old)) return 'It has changed since the preview: left alone.';
  try {
    if (file.new === null) await tree.remove(file.path);
    else await tree.write(file.path, file.new);
    return null;
  } catch (error) {
    return sentence(`It could not be written: ${messageOf(error)}`);
  }
}

async function treeAt(root: string): Promise<TreeFiles> {
  return TreeFiles.at(root).catch((error: unknown) => {
    throw new StorageError(
      `The folder ${root} can't be opened: ${messageOf(error)}`,
      'Give the folder of the project.',
      undefined,
      { cause: error },
    );
  });
}
