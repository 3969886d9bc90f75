import { absolutePath, baseName } from './filePaths.ts';
import type { CheckpointRecord } from './recordedCheckpoint.ts';

/** Finds the files that checkpoints mean: they name them relative to a folder that the recording doesn't always name. */
export class TrackedPaths {
  readonly #known = new Map<string, string>();

  /**
   * @param folder that the session ran in
   * @param edited absolute paths that the session edited
   * @param pathOfCall absolute path that an edit changed, by the `uuid` of its call's record
   */
  constructor(
    private readonly folder: string | null,
    checkpoints: readonly CheckpointRecord[],
    private readonly edited: ReadonlySet<string>,
    pathOfCall: (call: string) => string | undefined,
  ) {
    const seen = new Set<string>();
    for (const { prompt, call, backups } of checkpoints) {
      const path = call === null ? undefined : pathOfCall(call);
      for (const { trackingPath, realFolder } of backups) {
        const name = keyOf(trackingPath, realFolder);
        // Older versions say the whole snapshot again; only what is new in it belongs to the call.
        const isNew = !seen.has(`${prompt} ${name}`);
        seen.add(`${prompt} ${name}`);
        if (isNew && path !== undefined && baseName(trackingPath) === baseName(path) && !this.#known.has(name))
          this.#known.set(name, path);
      }
    }
  }

  resolve(trackingPath: string, realFolder: string | null): string | null {
    const known = this.#known.get(keyOf(trackingPath, realFolder));
    if (known !== undefined) return known;
    const named = absolutePath(this.folder, trackingPath);
    if (named !== null && (this.edited.has(named) || realFolder === null)) return named;
    return realFolder === null ? named : absolutePath(realFolder, baseName(trackingPath));
  }
}

function keyOf(trackingPath: string, realFolder: string | null): string {
  return `${realFolder ?? ''}\n${trackingPath}`;
}
