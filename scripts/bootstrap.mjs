// Runs on the system's Node (20 or later) with nothing installed: `npm start` and `npm test` begin here.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '..');
const bin = path.join(root, 'node_modules/.bin');

/**
 * Installs the dependencies if they are missing or other than the lockfile says, and then goes on under the Node of the
 * checkout: this process waits for that one and ends with its exit code.
 * @param script path of the calling script
 */
export function bootstrap(script) {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    console.error(
      `Forkpoint needs Node 20 or later; this is ${process.version}. Install a newer one: https://nodejs.org`,
    );
    process.exit(1);
  }
  if (process.env.FORKPOINT_BOOTSTRAPPED === root) return;
  if (!isInstalled()) install();
  const env = {
    ...process.env,
    FORKPOINT_BOOTSTRAPPED: root,
    PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}`,
  };
  // The terminal sends an interrupt to both: this one outlives it to report how the other ended.
  process.on('SIGINT', () => {});
  const node = path.join(bin, process.platform === 'win32' ? 'node.exe' : 'node');
  const { status, signal } = spawnSync(node, [script, ...process.argv.slice(2)], { stdio: 'inherit', env });
  process.exit(status ?? (signal === 'SIGINT' ? 130 : 1));
}

/** Whether node_modules holds what package-lock.json asks for, by npm's own record of what it installed. */
function isInstalled() {
  const record = path.join(root, 'node_modules/.package-lock.json');
  if (!existsSync(record) || !existsSync(path.join(bin, 'node'))) return false;
  const wanted = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  return Object.entries(wanted).every(([name, { version, optional }]) => {
    if (name === '') return true;
    return installed[name] ? installed[name].version === version : optional;
  });
}

function install() {
  const started = Date.now();
  console.log('Installing dependencies (npm ci, under a minute)…');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    console.error('npm ci failed. Its message stands above; once that is solved, run the same command again.');
    process.exit(1);
  }
  console.log(`Dependencies installed in ${((Date.now() - started) / 1000).toFixed(0)} s.`);
}
