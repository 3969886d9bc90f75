import path from 'node:path';
import type { PlaceOrder } from '../../core/agent/agentPorts.ts';
import { refusedPath } from '../../core/changes/changePaths.ts';
import { plural } from '../../core/format.ts';
import { someOf } from './fileVersions.ts';
import { isInside } from './isInside.ts';
import type { Project } from './projectOf.ts';
import { resolveIn, type Shown } from './resolveIn.ts';

/** What is done to one path of a place. */
export interface FileStep {
  /** Absolute in the place, its links resolved. */
  file: string;
  /** Null: nothing is to be there. */
  bytes: Uint8Array | null;
  /** Permission bits. */
  mode: number;
}

/** Where the files of a place lie for us. */
export interface RestoreTarget {
  /** Root of the project's files in the place, links resolved. */
  root: string;
  shown: readonly Shown[];
}

/**
 * Decides what becomes of recorded files: nothing leads out of the place, whatever names and links say.
 * @returns the steps, and what a person must know of the files that are left alone
 */
export async function planRestore(
  order: Pick<PlaceOrder, 'files' | 'readBlob'>,
  project: Project,
  target: RestoreTarget,
): Promise<{ steps: FileStep[]; notes: string[] }> {
  const outside: string[] = [];
  const refused: string[] = [];
  const linked: string[] = [];
  const steps: FileStep[] = [];
  for (const { path: recorded, content, mode } of order.files) {
    const name = nameIn(project, recorded);
    if (name === null) outside.push(recorded);
    else if (!path.isAbsolute(recorded) || recorded.split(/[\\/]/).includes('..') || refusedPath(name) !== null)
      refused.push(recorded.replaceAll('\0', '\\0'));
    else {
      const led = await resolveIn(target.shown, path.join(target.root, name));
      // Links must not lead into git's own folder either.
      const inRoot = led === null ? '..' : path.relative(target.root, led.file).split(path.sep).join('/');
      if (led === null || refusedPath(inRoot) !== null) linked.push(recorded);
      else {
        const bytes = content === null ? null : await order.readBlob(content);
        const there = led.stats?.isFile() === true ? led.stats.mode : 0o644;
        const bits = mode !== null && /^[0-7]{3,6}$/.test(mode) ? Number.parseInt(mode, 8) : there;
        steps.push({ file: led.file, bytes, mode: bits & 0o777 });
      }
    }
  }
  return { steps, notes: notesOn(outside, refused, linked) };
}

/** Relative to the project, forward slashes; null where it lies outside. */
function nameIn(project: Project, recorded: string): string | null {
  if (!path.isAbsolute(recorded) || recorded.includes('\0')) return '';
  for (const root of [project.root, project.realRoot])
    if (isInside(root, recorded)) return path.relative(root, recorded).split(path.sep).join('/');
  return null;
}

function notesOn(outside: string[], refused: string[], linked: string[]): string[] {
  const said: [string[], string][] = [
    [outside, 'lie outside of the project and are as they are now'],
    [refused, 'have names that nothing is written to, and were left alone'],
    [linked, 'lie behind links that lead out of the project, and were left alone'],
  ];
  return said.flatMap(([files, what]) =>
    files.length === 0 ? [] : [`${plural(files.length, 'recorded file')} ${what}: ${someOf(files)}.`],
  );
}
