import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PlaceError } from '../../core/errors.ts';
import { fileErrorCode } from '../fileErrors.ts';
import { escapedPath, type OverlayRun, type OverlayRuns } from './overlayRuns.ts';
import type { FileStep } from './restoreFiles.ts';

/** Does the steps in files that nobody else has yet. */
export async function writeSteps(steps: readonly FileStep[], root: string, signal: AbortSignal): Promise<void> {
  for (const step of steps) {
    signal.throwIfAborted();
    if (step.kind === 'remove') await rm(step.file, { recursive: true, force: true });
    else if (step.kind === 'write') await writeStep(step, root);
    if (step.kind === 'remove' || step.changedAt === null) continue;
    const seconds = secondsOf(step.changedAt);
    await utimes(step.file, seconds, seconds);
  }
}

async function writeStep({ file, bytes, mode }: FileStep & { kind: 'write' }, root: string): Promise<void> {
  await makeParents(root, path.dirname(file));
  await rm(file, { recursive: true, force: true });
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
  const handle = await open(file, flags, 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.chmod(mode);
  } finally {
    await handle.close();
  }
}

/** Whole seconds, for not every `touch` knows parts of them; never later. */
function secondsOf(changedAt: number): number {
  return Math.floor(changedAt / 1000);
}

/** Where a file is in the way, it goes. */
async function makeParents(root: string, folder: string): Promise<void> {
  if (folder === root || path.dirname(folder) === folder) return;
  const stats = await lstat(folder).catch(() => null);
  if (stats?.isDirectory()) return;
  await makeParents(root, path.dirname(folder));
  await rm(folder, { force: true });
  await mkdir(folder).catch((error: unknown) => {
    if (fileErrorCode(error) !== 'EEXIST') throw error;
  });
}

// Nothing outside of the layer can be met: all paths lie below the mount. Another user's file that nothing is written to can't be
// dated: then it is as new as it is.
const write = `set -e
while IFS=' ' read -r mode date source line; do
  file=$(printf '%b_' "$line"); file=\${file%_}
  if [ "$mode" = gone ]; then rm -rf -- "$file"; continue; fi
  if [ "$mode" = kept ]; then touch -c -d "@$date" -- "$file" 2>/dev/null || :; continue; fi
  folder=\${file%/*}
  if [ ! -d "$folder" ]; then
    above=$folder
    while [ ! -e "$above" ] && [ ! -L "$above" ]; do above=\${above%/*}; done
    [ -d "$above" ] || rm -f -- "$above"
    mkdir -p -- "$folder"
  fi
  rm -rf -- "$file"
  cat -- "$source" >"$file"
  chmod -- "$mode" "$file"
  [ "$date" = now ] || touch -d "@$date" -- "$file"
done`;

/**
 * Does the steps through an overlay's mount.
 * @param staging folder of ours that is made and removed
 * @throws PlaceError where a step fails
 */
export async function writeStepsInOverlay(
  steps: readonly FileStep[],
  staging: string,
  runs: OverlayRuns,
  run: OverlayRun,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(staging, { mode: 0o700 });
  try {
    const lines: string[] = [];
    for (const [at, step] of steps.entries()) {
      if (step.kind === 'write') await writeFile(path.join(staging, String(at)), step.bytes);
      const mode = step.kind === 'write' ? step.mode.toString(8) : step.kind === 'date' ? 'kept' : 'gone';
      const date = step.kind === 'remove' || step.changedAt === null ? 'now' : secondsOf(step.changedAt);
      lines.push(`${mode} ${date} ${at} ${escapedPath(step.file)}`);
    }
    const ended = await runs.shell(
      `cd -- "$STAGING"\n${write}`,
      { ...run, env: { ...process.env, STAGING: staging } as Record<string, string> },
      lines,
      signal,
    );
    if (ended.exitCode !== 0)
      throw new PlaceError(
        `The recorded files can’t be put into the branch’s place: ${ended.stderr}`,
        'Check that the disk is not full, and that you may write to the files.',
      );
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Mode bits that a folder of ours takes over, so that a layer's root is as open as the project's. */
export async function copyMode(from: string, to: string): Promise<void> {
  await chmod(to, (await lstat(from)).mode & 0o7777);
}
