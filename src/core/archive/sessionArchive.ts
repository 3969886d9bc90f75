/** What one call of `keep` did. */
export interface KeptSession {
  /** Absolute path of the transcript's copy. */
  file: string;
  /** Files that were copied; 0 where the archive already held all of them as they are now. */
  copied: number;
  /** Size of all files that belong to the session. */
  bytes: number;
}

/**
 * Our own copies of recorded sessions, out of reach of Claude Code's clean-up. The folder is laid out like a Claude config
 * folder, so what reads recordings reads the copies too.
 */
export interface SessionArchive {
  /** Absolute path, existing or not. */
  readonly folder: string;
  /**
   * Copies a session with all that belongs to it: its subagents, tool results, title and file checkpoints. Files that are
   * there as they are now are not copied again; a session that grew is.
   * @param file path of its transcript, or of that of one of its subagents
   * @throws NotFoundError where there is no such file, BadInputError where the archive holds another version of the session
   *   that this one does not go on from, StorageError where it can't be written: nothing half-written stays
   */
  keep(file: string): Promise<KeptSession>;
  /**
   * Deletes the archive's copy, and nothing but that.
   * @param file path of the original transcript or of the copy
   * @throws NotFoundError where the archive has none
   */
  forget(file: string): Promise<void>;
  /** Copies the kept sessions again whose originals have changed since. Returns those that could not be copied, with why. */
  refresh(): Promise<{ refreshed: number; failed: { file: string; error: Error }[] }>;
}
