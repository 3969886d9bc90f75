import { stat } from 'node:fs/promises';

/** What tells a folder from another one that takes its place, and when its entries changed. */
export interface FolderState {
  /** The number alone would not do: it is given away again at once. */
  identity: string;
  /** Milliseconds since the epoch. */
  mtimeMs: number;
}

/** Null where there is no such folder, or it can't be looked at. */
export async function folderState(folder: string): Promise<FolderState | null> {
  try {
    const { ino, birthtimeMs, mtimeMs } = await stat(folder);
    return { identity: `${ino}:${birthtimeMs}`, mtimeMs };
  } catch {
    return null;
  }
}
