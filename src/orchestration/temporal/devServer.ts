import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BadInputError, EngineUnavailableError } from '../../core/errors.ts';
import type { TemporalServerStatus } from '../../core/run/temporalControl.ts';
import {
  connectClient,
  isPortOpen,
  isUnnamed,
  resolveTarget,
  splitAddress,
  type TemporalTarget,
} from './connection.ts';
import { findTemporalCli } from './findTemporalCli.ts';
import { ipOf, isLoopback } from './localAddress.ts';
import { isAlive, waitForEnd } from './processes.ts';
import { readServerRecord, removeServerRecord, writeServerRecord } from './serverRecord.ts';
import { type TemporalSettings, temporalFolder } from './temporalSettings.ts';

// One partition spares tasks the way between partitions, and eager execution spares the first activities a hand-over:
// together they bring a fan-out from 150 ms down to 100 (see bench/temporalOverhead.ts).
const tuning = [
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
  'system.enableActivityEagerExecution=true',
];

/** Tasks of a queue are handed out to the runs in turn. */
const fairness = 'matching.enableFairness=true';

/** Whether the server of this target answers within `timeoutMs`. */
async function isAnswering(target: TemporalTarget, timeoutMs = 2_000): Promise<boolean> {
  if (!(await isPortOpen(target.address, timeoutMs))) return false;
  try {
    const client = await connectClient(target, { timeoutMs });
    await client.connection.close();
    return true;
  } catch {
    return false;
  }
}

/** The preferred port where it is free, else one that is. */
async function freePort(host: string, preferred: number): Promise<number> {
  const listen = (port: number): Promise<number | null> =>
    new Promise((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(null));
      probe.listen(port, host, () => {
        const address = probe.address();
        probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : null));
      });
    });
  return (await listen(preferred)) ?? (await listen(0)) ?? preferred;
}

/**
 * The local dev server: `temporal server start-dev` with its data in our folder, in a process of its own that outlives
 * the window or command that started it.
 */
export class DevServer {
  readonly #settings: TemporalSettings;
  readonly #folder: string;

  constructor(settings: TemporalSettings) {
    this.#settings = settings;
    this.#folder = temporalFolder(settings);
  }

  async status(): Promise<TemporalServerStatus> {
    const target = await resolveTarget(this.#settings);
    const [record, answers] = await Promise.all([readServerRecord(this.#settings), isAnswering(target)]);
    const ours = record !== null && record.address === target.address ? record : null;
    return {
      state: answers ? 'running' : ours === null ? 'stopped' : 'starting',
      address: target.address,
      ui: ours?.ui ?? (answers ? await this.#guessedUi(target.address) : null),
      pid: ours?.pid ?? null,
      managed: ours !== null,
    };
  }

  /**
   * Starts the server unless one answers at the address. Where nobody named an address and another program has the usual port, it
   * gets another one, which every window and command of this data folder finds.
   * @throws EngineUnavailableError, BadInputError
   */
  async start(): Promise<void> {
    const wanted = await resolveTarget(this.#settings);
    if (await isAnswering(wanted, 500)) return;
    const { host, port } = splitAddress(wanted.address);
    if (!isLoopback(host) || !Number.isInteger(port) || port <= 0) {
      throw new BadInputError(
        `A dev server can only be started on this machine, not on ${wanted.address}.`,
        'Set forkpoint.temporal.address to 127.0.0.1:7233, or start that server where it belongs.',
      );
    }
    const cli = await findTemporalCli(this.#settings.cliPath, this.#settings.env, this.#settings.home);
    await this.#settings.withLock(path.join(this.#folder, 'dev-server.lock'), async () => {
      // Somebody else may have started it while we waited for the lock, on another port even.
      const target = await resolveTarget(this.#settings);
      if (await isAnswering(target, 500)) return;
      const other = await readServerRecord(this.#settings);
      if (other !== null && other.address !== target.address) {
        throw new BadInputError(
          `Forkpoint's dev server already runs on ${other.address}.`,
          'Use that address, or stop it first: one data folder has one server.',
        );
      }
      if (other === null) await this.#spawn(cli, await this.#besideOthers(target));
      else await this.#untilAnswering(other.pid, target);
    });
  }

  /** Stops the server that we started. False where there is none. */
  async stop(): Promise<boolean> {
    const record = await readServerRecord(this.#settings);
    if (record === null) return false;
    process.kill(record.pid, 'SIGTERM');
    if (!(await waitForEnd(record.pid, 10_000))) {
      process.kill(record.pid, 'SIGKILL');
      await waitForEnd(record.pid, 5_000);
    }
    await removeServerRecord(this.#settings);
    return true;
  }

  /** The target, on another port where its own is taken and nobody named it. */
  async #besideOthers(target: TemporalTarget): Promise<TemporalTarget> {
    if (!(await isUnnamed(this.#settings))) return target;
    const { host, port } = splitAddress(target.address);
    const address = `${host}:${await freePort(ipOf(host), port)}`;
    return { ...target, address, options: { ...target.options, address } };
  }

  async #spawn(cli: string, target: TemporalTarget): Promise<void> {
    const { host, port } = splitAddress(target.address);
    const ip = ipOf(host);
    const uiPort = await freePort(ip, port + 1000);
    const log = await open(this.#logFile, 'w', 0o600);
    const args = ['server', 'start-dev', '--ip', ip, '--port', String(port), '--ui-port', String(uiPort)];
    args.push('--db-filename', this.#database, '--log-level', 'error');
    if (target.namespace !== 'default') args.push('--namespace', target.namespace);
    for (const value of [...tuning, ...((await this.#isFair()) ? [fairness] : [])])
      args.push('--dynamic-config-value', value);
    const child = spawn(cli, args, {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: serverEnv(this.#settings.env),
    });
    const spawned = new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('spawn', () => resolve(child.pid as number));
    });
    let pid: number;
    try {
      pid = await spawned;
    } catch (error) {
      const hint = 'Check that the Temporal CLI fits this machine: `temporal --version`.';
      throw new EngineUnavailableError(`${cli} can't be started.`, hint, undefined, { cause: error });
    } finally {
      await log.close();
    }
    // The handle must keep neither the window nor the command alive; until the server answers our waiting does.
    child.unref();
    await writeServerRecord(this.#settings, { pid, address: target.address, ui: `http://${host}:${uiPort}` });
    await this.#untilAnswering(pid, target);
  }

  /** A server that is told so no longer looks at tasks that wait in an older database, so only what began with it has it. */
  async #isFair(): Promise<boolean> {
    const mark = path.join(this.#folder, 'fair-queues');
    if (!existsSync(this.#database)) await writeFile(mark, '');
    return existsSync(mark);
  }

  async #untilAnswering(pid: number, target: TemporalTarget): Promise<void> {
    const end = performance.now() + 60_000;
    while (performance.now() < end) {
      if (!isAlive(pid)) break;
      if ((await isAnswering(target, 500)) && isAlive(pid)) return;
      await delay(50);
    }
    const log = (await readFile(this.#logFile, 'utf8').catch(() => '')).trim().split('\n').slice(-3).join('\n');
    throw new EngineUnavailableError(
      `The Temporal dev server did not come up on ${target.address}.${log === '' ? '' : `\n${log}`}`,
      `Is the port taken by another program? The server's log is ${this.#logFile}.`,
    );
  }

  /** A dev server that somebody else started has its UI a thousand ports above; it counts only if it answers. */
  async #guessedUi(address: string): Promise<string | null> {
    const { host, port } = splitAddress(address);
    if (!isLoopback(host)) return null;
    const ui = `http://${host}:${port + 1000}`;
    const answer = await fetch(ui, { signal: AbortSignal.timeout(500) }).catch(() => null);
    await answer?.body?.cancel();
    return answer?.ok ? ui : null;
  }

  get #database(): string {
    return path.join(this.#folder, 'temporal.db');
  }

  get #logFile(): string {
    return path.join(this.#folder, 'dev-server.log');
  }
}

// The server needs no key of anyone.
function serverEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(ANTHROPIC|CLAUDE|TEMPORAL)_/.test(name)));
}
