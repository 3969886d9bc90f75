import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { PlaceOrder } from '../../core/agent/agentPorts.ts';
import type { PlacedFile } from '../../core/agent/agentSettings.ts';
import { unchangedSince } from '../../core/agent/fileTimes.ts';
import { refusedPath } from '../../core/changes/changePaths.ts';
import { plural } from '../../core/format.ts';
import { isInside } from '../isInside.ts';
import { largestKept, someOf } from './fileVersions.ts';
import type { Project } from './projectOf.ts';
import { resolveIn, type Shown } from './resolveIn.ts';

/** What is done to one path of a place; `file` is absolute there, its links resolved. */
export type FileStep =
  | { kind: 'remove'; file: string }
  /** `mode`: permission bits. `changedAt`: milliseconds since the epoch, null for now. */
  | { kind: 'write'; file: string; bytes: Uint8Array; mode: number; changedAt: number | null }
  /** What is there is right, but for the time of its last change. */
  | { kind: 'date'; file: string; changedAt: number };

/** A path of the place. */
type Led = NonNullable<Awaited<ReturnType<typeof resolveIn>>>;

/** Where the files of a place lie for us. */
export interface RestoreTarget {
  /** Root of the project's files in the place, links resolved. */
  root: string;
  shown: readonly Shown[];
}

/**
 * Decides what becomes of recorded files: what is there already stays, and no file is newer than the recording has it. Nothing leads out of the place, whatever names and links say.
 * @returns the steps, and what a person must know of the files that are left alone
 */
export async function planRestore(
  order: Pick<PlaceOrder, 'files' | 'readBlob' | 'times'>,
  project: Project,
  target: RestoreTarget,
): Promise<{ steps: FileStep[]; notes: string[] }> {
  const outside: string[] = [];
  const refused: string[] = [];
  const linked: string[] = [];
  const steps: FileStep[] = [];
  for (const placed of order.files) {
    const led = await ledTo(placed.path, project, target);
    if (led === 'outside') outside.push(placed.path);
    else if (led === 'refused') refused.push(placed.path.replaceAll('\0', '\\0'));
    else if (led === 'linked') linked.push(placed.path);
    else steps.push(...(await restored(placed, led, order)));
  }
  steps.push(...(await datedOnly(order, project, target)));
  return { steps, notes: notesOn(outside, refused, linked) };
}

async function ledTo(
  recorded: string,
  project: Project,
  target: RestoreTarget,
): Promise<Led | 'outside' | 'refused' | 'linked'> {
  const name = nameIn(project, recorded);
  if (name === null) return 'outside';
  if (!path.isAbsolute(recorded) || recorded.split(/[\\/]/).includes('..') || refusedPath(name) !== null)
    return 'refused';
  const led = await resolveIn(target.shown, path.join(target.root, name));
  // Links must not lead into git's own folder either.
  const inRoot = led === null ? '..' : path.relative(target.root, led.file).split(path.sep).join('/');
  return led === null || refusedPath(inRoot) !== null ? 'linked' : led;
}

async function restored(
  { path: recorded, content, mode }: PlacedFile,
  led: Led,
  { readBlob, times }: Pick<PlaceOrder, 'readBlob' | 'times'>,
): Promise<FileStep[]> {
  const { file, stats } = led;
  if (content === null) return [{ kind: 'remove', file }];
  const bytes = await readBlob(content);
  const there = stats?.isFile() === true ? stats.mode : 0o644;
  const bits = (mode !== null && /^[0-7]{3,6}$/.test(mode) ? Number.parseInt(mode, 8) : there) & 0o777;
  // Something else than it held when it was read: a change behind that is all that can be said.
  const changedAt = unchangedSince(bytes, times?.touches.get(recorded)) ?? times?.until ?? null;
  const present = (there & 0o777) === bits ? await bytesOf(led, bytes.length) : null;
  if (present === null || Buffer.compare(present, bytes) !== 0)
    return [{ kind: 'write', file, bytes, mode: bits, changedAt }];
  return dated(led, changedAt);
}

/** Files that the session only read are not restored: those that are as they were then have no newer time either. */
async function datedOnly(
  { files, times }: Pick<PlaceOrder, 'files' | 'times'>,
  project: Project,
  target: RestoreTarget,
): Promise<FileStep[]> {
  const steps: FileStep[] = [];
  const placed = new Set(files.map((file) => file.path));
  for (const [recorded, touches] of times?.touches ?? []) {
    if (placed.has(recorded) || touches.at(-1)?.isRead !== true) continue;
    const led = await ledTo(recorded, project, target);
    const bytes = typeof led === 'string' ? null : await bytesOf(led);
    if (typeof led !== 'string' && bytes !== null) steps.push(...dated(led, unchangedSince(bytes, touches)));
  }
  return steps;
}

function dated({ file, stats }: Led, changedAt: number | null): FileStep[] {
  return changedAt === null || (stats?.mtimeMs ?? 0) <= changedAt ? [] : [{ kind: 'date', file, changedAt }];
}

/** What a plain file holds; null where there is none, or where it can't be read or has another length. */
async function bytesOf({ stats, source }: Led, length?: number): Promise<Uint8Array | null> {
  if (source === null || stats?.isFile() !== true || stats.size > largestKept) return null;
  return length === undefined || stats.size === length ? readFile(source).catch(() => null) : null;
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
