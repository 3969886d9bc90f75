import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileErrorCode } from './fileErrors.ts';

/** What is only this process's: ids are given again, and again after a restart. Null where there is no such process. */
export function startOf(pid: number): string | null {
  try {
    if (process.platform === 'linux') {
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      const facts = statusOf(pid);
      return facts === null || facts.state === 'Z' ? null : `${boot} ${facts.started}`;
    }
    if (process.platform === 'win32') return isRunning(pid) ? 'running' : null;
    // The same words in every shell: a process is compared with what another one wrote of it.
    const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
    const args = ['-o', 'lstart=', '-p', String(pid)];
    return execFileSync('ps', args, { encoding: 'utf8', stdio: 'pipe', env }).trim() || null;
  } catch {
    return null;
  }
}

/** Whether a process has that id. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It runs, but is somebody else's.
    return fileErrorCode(error) === 'EPERM';
  }
}

/** Of `/proc/PID/stat`. A program's name may hold anything, so what stands behind its last parenthesis counts. */
export function statusOf(pid: number | string): { state: string; parent: number; started: string } | null {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', parent: Number(fields[1]), started: fields[19] ?? '' };
  } catch {
    return null;
  }
}
