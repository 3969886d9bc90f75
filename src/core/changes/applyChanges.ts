import { sameBytes } from '../files/textForm.ts';
import type { RunId } from '../ids.ts';
import type { ChangeSet, FileVersion } from './changes.ts';

/** A file with its bytes; of a symbolic link, these are the path that it points to. */
export interface TreeFile {
  mode: FileVersion['mode'];
  bytes: Uint8Array;
}

export type ApplyStatus = 'added' | 'modified' | 'deleted' | 'unchanged' | 'conflict';

/** What became, or would become, of one file. */
export interface AppliedFile {
  /** Relative to the project's root, forward slashes. */
  path: string;
  status: ApplyStatus;
  /** What a person must resolve, a sentence; null where there is nothing. */
  conflict: string | null;
}

/** One file of a preview. */
export interface PlannedFile extends AppliedFile {
  /** What is in the tree now, null for no file (or for what can't be looked at: `conflict` says so). */
  old: TreeFile | null;
  /** What is to be in it; equal to `old` where nothing is written. */
  new: TreeFile | null;
}

/** A preview of all that applying a branch would do. It is what is applied: nothing else is written. */
export interface ApplyPlan {
  /** The tree that it was made for, absolute. */
  root: string;
  /** Sorted by path. */
  files: PlannedFile[];
  /** Of the change set, a sentence each. */
  notes: string[];
}

export interface ApplyResult {
  /** Whether anything was written. */
  applied: boolean;
  files: AppliedFile[];
}

/** A merge of texts by lines. */
export interface MergedText {
  bytes: Uint8Array;
  /** Places that both have changed: they are between markers. */
  conflicts: number;
}

/** @returns null where the texts can't be merged, for they are none */
export type MergeText = (ours: Uint8Array, base: Uint8Array, theirs: Uint8Array) => Promise<MergedText | null>;

/** Brings what a branch changed to where a person works. */
export interface ChangeApplier {
  /** Computes everything and writes nothing. @throws StorageError where a version of a file can't be read */
  plan(order: {
    runId: RunId;
    changes: ChangeSet;
    /** The tree to change, absolute. */
    root: string;
    /** Name of the branch, for the markers of conflicts. */
    name: string;
  }): Promise<ApplyPlan>;
  /** Writes the files of the preview. One that has changed since is left alone, and said to be a conflict. */
  apply(plan: ApplyPlan): Promise<ApplyResult>;
  /**
   * Commits the branch's files on a new git branch. Working tree, index and HEAD stay as they are.
   * @throws BadInputError for a name that git doesn't take or has already, a folder outside of git, and a branch without changes
   */
  toGitBranch(order: {
    runId: RunId;
    changes: ChangeSet;
    /** Folder that the paths of the changes are relative to; it lies in the repository. */
    folder: string;
    /** Name of the new branch. */
    name: string;
    /** Commit that it begins from. */
    base: string;
    message: string;
  }): Promise<ApplyResult & { sha: string; branch: string; notes: string[] }>;
}

/** What a tree holds at a path: a file, nothing, or what a sentence says; `isNoFile` where at least no file can be there. */
export type InTree = TreeFile | null | { refused: string; isNoFile?: boolean };

/** Whether two versions of a file are the same, mode included; null stands for no file. */
export function sameFile(a: TreeFile | null, b: TreeFile | null): boolean {
  return a === null || b === null ? a === b : a.mode === b.mode && sameBytes(a.bytes, b.bytes);
}

const isLink = (file: TreeFile | null): boolean => file?.mode === '120000';

/** The mode that one side has given it; where both have, the branch's. */
function mergedMode(base: TreeFile | null, ours: TreeFile, theirs: TreeFile): TreeFile['mode'] {
  return base !== null && theirs.mode === base.mode ? ours.mode : theirs.mode;
}

async function mergedBytes(
  base: Uint8Array | null,
  ours: Uint8Array,
  theirs: Uint8Array,
  merge: MergeText,
): Promise<MergedText | null> {
  if (sameBytes(ours, theirs) || (base !== null && sameBytes(base, theirs))) return { bytes: ours, conflicts: 0 };
  if (base !== null && sameBytes(base, ours)) return { bytes: theirs, conflicts: 0 };
  return merge(ours, base ?? new Uint8Array(), theirs);
}

const reasons = {
  deletedThere: 'The branch deleted it, and it was changed here since: kept.',
  deletedHere: 'The branch changed it, and it is no longer here: left out.',
  link: 'Both changed it, and it is a symbolic link: kept as it is here.',
  binary: 'Both changed it, and it is no text: kept as it is here.',
  bothAdded: 'Both added it: what differs is between conflict markers.',
  bothChanged: 'Both changed the same lines: they are between conflict markers.',
};

/**
 * What a branch's change makes of a file of another tree, three-way.
 * @param base the file at the fork point, `theirs` as the branch left it, `ours` as it is in the tree now
 */
export async function planFile(
  path: string,
  { base, theirs, ours }: { base: TreeFile | null; theirs: TreeFile | null; ours: InTree },
  merge: MergeText,
): Promise<PlannedFile> {
  if (ours !== null && 'refused' in ours) {
    const isGone = theirs === null && ours.isNoFile === true;
    return {
      path,
      status: isGone ? 'unchanged' : 'conflict',
      conflict: isGone ? null : ours.refused,
      old: null,
      new: null,
    };
  }
  const keep = (conflict: string | null): PlannedFile => ({
    path,
    status: conflict === null ? 'unchanged' : 'conflict',
    conflict,
    old: ours,
    new: ours,
  });
  const write = (file: TreeFile | null, conflict: string | null = null): PlannedFile => {
    if (conflict === null && sameFile(file, ours)) return keep(null);
    const status = ours === null ? 'added' : file === null ? 'deleted' : 'modified';
    return { path, status: conflict === null ? status : 'conflict', conflict, old: ours, new: file };
  };

  if (sameFile(ours, theirs) || sameFile(base, theirs)) return keep(null);
  if (sameFile(ours, base)) return write(theirs);
  if (theirs === null) return keep(ours === null ? null : reasons.deletedThere);
  if (ours === null) return keep(reasons.deletedHere);
  if ([base, ours, theirs].some(isLink)) return keep(reasons.link);
  const merged = await mergedBytes(base?.bytes ?? null, ours.bytes, theirs.bytes, merge);
  if (merged === null) return keep(reasons.binary);
  const conflict = merged.conflicts === 0 ? null : base === null ? reasons.bothAdded : reasons.bothChanged;
  return write({ mode: mergedMode(base, ours, theirs), bytes: merged.bytes }, conflict);
}

/** Whether applying the preview writes this file. */
export function isWritten(file: PlannedFile): boolean {
  return !sameFile(file.old, file.new);
}

/** The preview as it is printed. */
export function appliedFile({ path, status, conflict }: AppliedFile): AppliedFile {
  return { path, status, conflict };
}
