// src/core/changes: two states of a project: what differs, and how that is applied. Who made a change, an agent or a
// recording, is not known here.

/** One version of a file: its bytes are a git blob in the run's object store. */
export interface FileVersion {
  /** Git object id. */
  oid: string;
  mode: '100644' | '100755' | '120000';
  bytes: number;
}

/** One file that differs between two states. Null stands for no file. */
export interface FileChange {
  /** Relative to the project's root, forward slashes. */
  path: string;
  before: FileVersion | null;
  after: FileVersion | null;
}

/** What differs between the fork point and another state, sorted by path. Plain data; the bytes lie in a `ChangeStore`. */
export interface ChangeSet {
  /** Absolute, as recorded: paths are relative to it. */
  root: string;
  changes: FileChange[];
  /** What a person must know about it, a sentence each: files too large to keep, submodules, the base moved meanwhile. */
  notes: string[];
}
