import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { dropAll, limitLine, writeLaunchScripts, writeSweepScript } from './launchScripts.ts';
import { newProcessKey } from './placeProcesses.ts';
import { runToEnd } from './runToEnd.ts';

/** How programs are kept in a place on this machine. */
export interface Confinement {
  /**
   * Programs by which Linux gives a program file systems and process ids of its own; null where that can't be had.
   * `ownProc`: whether a `/proc` of its own can be mounted, too.
   */
  namespaces: { tools: NamespaceTools; ownProc: boolean; enterScript: string; markScript: string } | null;
  /** Why there are no namespaces, a sentence; empty where there are. */
  reason: string;
  /** Script that ends what programs leave behind, where there are no namespaces and it can be had; else null. */
  sweepScript: string | null;
  /** What gives a program the limit of its key, where there is such a thing and no namespaces; else null. */
  prlimit: string | null;
  /** What lets the kernel end a program with us, where there is such a thing. */
  setpriv: string | null;
  /** macOS denies a program writes with it. */
  sandboxExec: string | null;
}

export interface NamespaceTools {
  sh: string;
  setpriv: string;
  unshare: string;
  mount: string;
  umount: string;
}

const systemFolders = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/run/current-system/sw/bin'];

/** Absolute path of a system's program, null where there is none. */
async function findProgram(name: string): Promise<string | null> {
  for (const folder of [...systemFolders, ...(process.env['PATH'] ?? '').split(path.delimiter)]) {
    if (!path.isAbsolute(folder)) continue;
    const file = path.join(folder, name);
    if (
      await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  return null;
}

/**
 * Finds out by doing it.
 * @param places folder of all places; our scripts are written into it
 * @param allowed false: as on a machine that forbids namespaces
 */
export async function findConfinement(places: string, allowed: boolean): Promise<Confinement> {
  const none = { namespaces: null, setpriv: null, sandboxExec: null, sweepScript: null, prlimit: null };
  if (process.platform === 'darwin') {
    const sandboxExec = await findProgram('sandbox-exec');
    return { ...none, reason: 'It needs Linux.', sandboxExec };
  }
  if (process.platform !== 'linux') return { ...none, reason: 'It needs Linux.' };
  const setpriv = await findProgram('setpriv');
  const sweepScript = (await canSweep()) ? await writeSweepScript(places) : null;
  const unconfined = { ...none, setpriv, sweepScript, prlimit: await findPrlimit() };
  const found = await Promise.all(['sh', 'unshare', 'mount', 'umount'].map(findProgram));
  const [sh, unshare, mount, umount] = found;
  if (!sh || setpriv === null || !unshare || !mount || !umount)
    return {
      ...unconfined,
      reason: 'It needs setpriv, unshare and mount of util-linux, and they are not all installed.',
    };
  const tools = { sh, setpriv, unshare, mount, umount };
  if (!allowed) return { ...unconfined, reason: 'User namespaces are switched off here.' };
  let said = '';
  for (const ownProc of [true, false]) {
    const tried = await runToEnd(unshare, [...namespaceFlags(ownProc), setpriv, ...dropAll, sh, '-c', ':']);
    if (tried.code === 0) {
      const namespaces = { tools, ownProc, ...(await writeLaunchScripts(places)) };
      return { ...none, setpriv, namespaces, reason: '' };
    }
    said = tried.stderr;
  }
  return { ...unconfined, reason: await whyForbidden(said) };
}

/** Does the system show the environment of processes, and a program of its own look for one in it? */
async function canSweep(): Promise<boolean> {
  const { stdout } = await runToEnd('grep', ['-lszFx', '-e', 'LC_ALL=C', '/proc/self/environ']);
  return stdout.toString().trim() === '/proc/self/environ';
}

/** Null where it is not installed, or where such a limit can't be set. */
async function findPrlimit(): Promise<string | null> {
  const prlimit = await findProgram('prlimit');
  if (prlimit === null) return null;
  const { limit } = newProcessKey('/');
  const tried = await runToEnd(prlimit, [
    ...limitFlags(limit),
    'grep',
    '-qs',
    '-e',
    limitLine(limit),
    '/proc/self/limits',
  ]);
  return tried.code === 0 ? prlimit : null;
}

/** Arguments of `prlimit`: the hard limit stays as it is. */
export function limitFlags(limit: string): string[] {
  return [`--rttime=${limit}:`, '--'];
}

/** Arguments of `unshare`: what it starts has its own file systems, its own processes, and dies with it. */
export function namespaceFlags(ownProc: boolean): string[] {
  const flags = ['--user', '--map-current-user', '--keep-caps', '--mount', '--pid', '--fork', '--kill-child'];
  return [...flags, ...(ownProc ? ['--mount-proc'] : []), '--'];
}

async function whyForbidden(said: string): Promise<string> {
  const switches: [string, string, string][] = [
    ['/proc/sys/kernel/apparmor_restrict_unprivileged_userns', '1', 'kernel.apparmor_restrict_unprivileged_userns=0'],
    ['/proc/sys/kernel/unprivileged_userns_clone', '0', 'kernel.unprivileged_userns_clone=1'],
    ['/proc/sys/user/max_user_namespaces', '0', 'user.max_user_namespaces=10000'],
  ];
  for (const [file, value, setting] of switches) {
    const { stdout } = await runToEnd('/bin/cat', [file]);
    if (stdout.toString().trim() === value)
      return `This system forbids user namespaces (an administrator can allow them: sysctl ${setting}).`;
  }
  if (/not permitted|denied/i.test(said))
    return 'User namespaces are forbidden here, as in most containers (Docker allows them with --security-opt seccomp=unconfined).';
  return `A namespace can’t be made here (${said.split('\n')[0] ?? ''}).`;
}
