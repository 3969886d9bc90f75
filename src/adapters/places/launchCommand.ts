import { type Confinement, limitFlags, namespaceFlags } from './confinement.ts';
import { notEntered } from './launchScripts.ts';
import type { ProcessKey } from './placeProcesses.ts';

/** What a program is to see. All paths are absolute. */
export interface LaunchView {
  /** Folder of the place: the layers lie in it by fixed names. */
  folder: string;
  /** Folders that a layer is laid over, links resolved. */
  mounts: readonly string[];
  /** `branch`: over the first layer; `base`: the first layer itself is written. */
  layer: 'branch' | 'base';
  /** Folders that the program can't write to, where that can be had. */
  denied: readonly string[];
  cwd: string;
}

// The kernel ends it with us; should we be gone before it was told so, it sees that by its parent.
const guard = `[ "$PPID" = "$0" ] || exit ${notEntered}; exec "$@"`;

/**
 * The command line by which we start a program in namespaces of its own, its file systems laid out as `view` says. It ends with us.
 */
export function launchInNamespaces(
  namespaces: NonNullable<Confinement['namespaces']>,
  view: LaunchView,
  command: readonly string[],
): string[] {
  const { setpriv, sh } = namespaces.tools;
  return [...endsWithUs(setpriv, sh), ...unshared(namespaces, view, command)];
}

/** The same for a person's terminal: it lives as long as that does, and an overlay is marked as lived in by itself. */
export function launchInTerminal(
  namespaces: NonNullable<Confinement['namespaces']>,
  view: LaunchView,
  command: readonly string[],
): string[] {
  const started = unshared(namespaces, view, command);
  if (view.mounts.length === 0) return started;
  return [namespaces.tools.sh, namespaces.markScript, view.folder, ...started];
}

function unshared(
  { tools, ownProc, enterScript }: NonNullable<Confinement['namespaces']>,
  view: LaunchView,
  command: readonly string[],
): string[] {
  const { folder, layer, denied, cwd, mounts } = view;
  const counts = [String(mounts.length), String(denied.length)];
  const script = [tools.setpriv, tools.mount, tools.umount, folder, layer, cwd, ...counts, ...mounts, ...denied];
  return [tools.unshare, ...namespaceFlags(ownProc), tools.sh, enterScript, ...script, ...command];
}

function endsWithUs(setpriv: string, sh: string): string[] {
  return [setpriv, '--pdeathsig', 'KILL', sh, '-c', guard, String(process.pid)];
}

/** The same where there are no namespaces: what can be had of it. */
export function launchPlainly(
  { setpriv, sandboxExec, prlimit }: Confinement,
  denied: readonly string[],
  { limit }: ProcessKey,
  command: readonly string[],
): readonly string[] {
  const limited = prlimit === null ? command : [prlimit, ...limitFlags(limit), ...command];
  return setpriv === null
    ? deniedPlainly(sandboxExec, denied, limited)
    : [...endsWithUs(setpriv, '/bin/sh'), ...limited];
}

/** On macOS the system denies writes to folders; elsewhere the command as it is. */
export function deniedPlainly(
  sandboxExec: string | null,
  denied: readonly string[],
  command: readonly string[],
): readonly string[] {
  if (sandboxExec === null || denied.length === 0) return command;
  // Written by what Apple documents of it; there was no Mac to test it on.
  const folders = denied.map((_, at) => `(subpath (param "DENIED${at}"))`).join(' ');
  const given = denied.flatMap((folder, at) => ['-D', `DENIED${at}=${folder}`]);
  return [sandboxExec, ...given, '-p', `(version 1)(allow default)(deny file-write* ${folders})`, ...command];
}
