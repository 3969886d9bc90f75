import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Mounting one takes root. */
export const canMountDisks = process.platform === 'linux' && process.getuid?.() === 0;

/** A disk of its own that can be full. */
export class SmallDisk {
  readonly folder: string;

  /** @param folder is made, and the disk mounted there */
  constructor(folder: string, megabytes: number) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  }

  /** Leaves room for so many bytes. */
  fill(bytesLeft = 0): void {
    const { bavail, bsize } = statfsSync(this.folder);
    try {
      writeFileSync(this.#filler, Buffer.alloc(Math.max(0, bavail * bsize - bytesLeft)), { flag: 'a' });
    } catch (error) {
      // Somebody else has taken the rest meanwhile.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    }
  }

  free(): void {
    rmSync(this.#filler, { force: true });
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.folder]);
  }

  get #filler(): string {
    return path.join(this.folder, 'filler');
  }
}
