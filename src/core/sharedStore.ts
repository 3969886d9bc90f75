/**
 * Objects that every machine of a group reaches, under names such as `runs/r-1/plan.json`. Whoever has written one can be sure
 * that the next reader, wherever it is, finds it.
 */
export interface SharedStore {
  /** A folder's path or `s3://bucket/prefix`: never a credential. */
  readonly location: string;
  /** How long a reader waits before it looks for more, in milliseconds. */
  readonly pollMs: number;
  /** Null where there is none of that name. @throws StorageError */
  get(name: string): Promise<Uint8Array | null>;
  /** Writes an object or replaces it: readers get the old bytes or the new ones, never a part. @throws StorageError */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * Writes an object unless there is one of that name: of all who try, on whichever machine, one succeeds.
   * @returns false where somebody else has written one. Equal bytes are one's own: they may come from a request whose answer was lost
   * @throws StorageError, after which the object may be there all the same
   */
  create(name: string, bytes: Uint8Array): Promise<boolean>;
  /** Names that begin with the prefix and come after `after`, in the order of their characters. @throws StorageError */
  list(prefix: string, after?: string): Promise<string[]>;
  /** Deletes all objects whose names begin with the prefix, which ends with a slash. @throws StorageError */
  deleteAll(prefix: string): Promise<void>;
}
