import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { PlaceOption } from '../../core/agent/agentPorts.ts';
import type { PlaceKind } from '../../core/agent/agentSettings.ts';
import { byteSize, plural } from '../../core/format.ts';
import { isInside } from '../isInside.ts';
import { isWithin } from './copyTree.ts';
import { isWhiteout } from './layers.ts';
import { someFile } from './makeCopy.ts';
import { makeMountFolders, removeWorkFolders } from './overlayMounts.ts';
import { OverlayRuns } from './overlayRuns.ts';
import type { CopyLimit, PlaceDeps } from './placeDeps.ts';
import { PlaceFolder } from './placeFolder.ts';
import { checkoutFolders, type Project } from './projectOf.ts';

/** A kind of place, and whether it can be had; found out when it is asked first. */
export interface TriedKind {
  kind: PlaceKind;
  ask(): Promise<PlaceOption>;
}

/** The kinds of place for a project, the best first. */
export async function placeKinds(project: Project, deps: PlaceDeps, limit: CopyLimit): Promise<TriedKind[]> {
  const clones = await canClone(project, deps.places);
  const overlay = once('overlay', () => overlayOption(project, deps));
  const copy = once('copy', () => copyOption(project, deps, limit, clones));
  const worktree = once('worktree', () => Promise.resolve(worktreeOption(project)));
  return clones ? [overlay, copy, worktree] : [overlay, worktree, copy];
}

function once(kind: PlaceKind, find: () => Promise<PlaceOption>): TriedKind {
  let found: Promise<PlaceOption> | null = null;
  return {
    kind,
    ask() {
      found ??= find();
      return found;
    },
  };
}

function worktreeOption({ git, gitProblem }: Project): PlaceOption {
  const no = (detail: string): PlaceOption => ({ kind: 'worktree', available: false, detail });
  if (gitProblem !== null) return no(`The project can’t be checked out: ${gitProblem}.`);
  if (git === null) return no('The project is in no git repository.');
  if (git.head === null) return no('The repository has no commits yet; a copy needs none.');
  const detail =
    'Files at another path, in a repository of their own; ignored files only as far as patterns name them.';
  return { kind: 'worktree', available: true, detail };
}

async function copyOption(
  { realRoot, git }: Project,
  { places }: PlaceDeps,
  limit: CopyLimit,
  clones: boolean,
): Promise<PlaceOption> {
  const no = (detail: string): PlaceOption => ({ kind: 'copy', available: false, detail });
  if (isInside(realRoot, places)) return no('Forkpoint’s own data lies inside of the project.');
  if (git === null && isInside(places, realRoot)) return no('The project lies inside of Forkpoint’s own data.');
  if (clones) return { kind: 'copy', available: true, detail: 'Cloned files at another path, ignored ones included.' };
  const size = `${byteSize(limit.bytes)} or ${plural(limit.files, 'file')}`;
  if (!(await isWithin(realRoot, limit).catch(() => false)))
    return no(`The file system can’t clone files, and the project has more than ${size}, or can’t be read whole.`);
  return { kind: 'copy', available: true, detail: 'Copied files at another path, ignored ones included.' };
}

/** Does the file system clone a file of the project into our data folder? Tried with one. */
async function canClone({ realRoot }: Project, places: string): Promise<boolean> {
  const file = await someFile(realRoot);
  if (file === null) return false;
  const target = path.join(places, `.clone-${crypto.randomUUID()}`);
  try {
    await copyFile(file, target, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    return true;
  } catch {
    return false;
  } finally {
    await rm(target, { force: true });
  }
}

async function overlayOption(project: Project, deps: PlaceDeps): Promise<PlaceOption> {
  const why = await whyNoOverlay(project, deps).catch((error: unknown) => `It could not be tried: ${String(error)}.`);
  const detail = 'The agent sees the project at its own path, ignored files included; what it changes lies in a layer.';
  return why === null
    ? { kind: 'overlay', available: true, detail }
    : { kind: 'overlay', available: false, detail: why };
}

async function whyNoOverlay(project: Project, { confinement, places, notLayered }: PlaceDeps): Promise<string | null> {
  if (confinement.namespaces === null) return confinement.reason;
  const mounts = checkoutFolders(project);
  if (mounts.some((mount) => isInside(mount, places))) return 'Forkpoint’s own data lies inside of the project.';
  if (mounts.some((mount) => isInside(places, mount))) return 'The project lies inside of Forkpoint’s own data.';
  // Sessions and logins that are written in a layer never arrive there.
  if (mounts.some((mount) => notLayered.some((folder) => isInside(mount, folder))))
    return 'Claude Code’s own config folder lies inside of the project.';
  const { uid } = await lstat(project.realRoot);
  if (process.getuid?.() === 0 && uid !== 0)
    return 'The project belongs to another user than root, who could not change its files in a layer.';
  const scratch = new PlaceFolder(path.join(places, `.probe-${crypto.randomUUID()}`));
  try {
    return await tryOverlay(scratch, mounts, confinement.namespaces, places);
  } finally {
    await removeWorkFolders(path.join(scratch.folder, 'work'));
    await rm(scratch.folder, { recursive: true, force: true });
  }
}

// Deletes a file of a layer beneath and writes a new one: what the file systems can't do shows by that.
const attempt = 'cd -- "$1" && rm -- deleted && [ ! -e deleted ] && mkdir made && echo new >made/file';

async function tryOverlay(
  scratch: PlaceFolder,
  mounts: readonly string[],
  namespaces: ConstructorParameters<typeof OverlayRuns>[2],
  places: string,
): Promise<string | null> {
  const [root = ''] = mounts;
  await makeMountFolders(scratch, mounts);
  const name = `.forkpoint-probe-${crypto.randomUUID()}`;
  await mkdir(path.join(scratch.base(0), name));
  await writeFile(path.join(scratch.base(0), name, 'deleted'), '');
  const runs = new OverlayRuns(scratch, mounts, namespaces);
  const command = [namespaces.tools.sh, '-c', attempt, 'sh', name];
  const said = await runs.run(command, { cwd: root }).then(
    ({ exitCode, stderr }) => (exitCode === 0 ? null : stderr),
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  if (said === null) {
    const layer = path.join(scratch.upper(0), name);
    const deleted = await lstat(path.join(layer, 'deleted')).catch(() => null);
    const made = await readFile(path.join(layer, 'made', 'file'), 'utf8').catch(() => null);
    if (deleted !== null && isWhiteout(deleted) && made === 'new\n') return null;
    return 'A layer was mounted, but what was written did not arrive in it.';
  }
  return await whyNotMounted(mounts, places, said);
}

const fileSystems = new Map([
  [0x794c7630, 'an overlay itself (a container’s own file system)'],
  [0x6969, 'NFS'],
  [0x4d44, 'FAT'],
  [0x65735546, 'FUSE'],
  [0x01021997, '9P'],
  [0xff534d42, 'SMB'],
]);

async function whyNotMounted(mounts: readonly string[], places: string, said: string): Promise<string> {
  const below = await mountedBelow(mounts);
  if (below !== null)
    return `Another file system is mounted inside of the project (${below}), which no layer can lie over.`;
  const kind = fileSystems.get((await statfs(places)).type);
  if (kind !== undefined)
    return `Forkpoint’s data folder lies on ${kind}, where no layer can be kept; FORKPOINT_HOME can name another one.`;
  return `The kernel refuses the layer: ${said.split('\n').slice(0, 2).join(' ').slice(0, 300)}`;
}

/** A mount point inside of the folders, null for none. */
async function mountedBelow(mounts: readonly string[]): Promise<string | null> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  for (const line of table.split('\n')) {
    const point = (line.split(' ')[4] ?? '').replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    if (point !== '' && mounts.some((mount) => point !== mount && isInside(mount, point))) return point;
  }
  return null;
}
