import { spawn } from 'node:child_process';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { BadInputError, EngineUnavailableError } from '../../core/errors.ts';
import type { TemporalServerStatus } from '../../core/run/temporalControl.ts';
import { connectClient, isPortOpen, resolveTarget, splitAddress, type TemporalTarget } from './connection.ts';
import { findTemporalCli } from './findTemporalCli.ts';
import { commandOf, isAlive, waitForEnd } from './processes.ts';
import { type TemporalSettings, temporalFolder } from './temporalSettings.ts';

const recordSchema = z.object({ pid: z.int().positive(), address: z.string(), ui: z.string() });
type ServerRecord = z.infer<typeof recordSchema>;

// One partition spares tasks the way between partitions, and eager execution spares the first activities a hand-over:
// together they bring a fan-out from 150 ms down to 100 (see bench/temporalOverhead.ts).
const tuning = [
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
  'system.enableActivityEagerExecution=true',
];

const loopback = new Set(['127.0.0.1', 'localhost', '[::1]']);

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
  readonly #recordFile: string;

  constructor(settings: TemporalSettings) {
    this.#settings = settings;
    this.#folder = temporalFolder(settings);
    this.#recordFile = path.join(this.#folder, 'dev-server.json');
  }

  async status(): Promise<TemporalServerStatus> {
    const target = await resolveTarget(this.#settings);
    const [record, answers] = await Promise.all([this.#record(), isAnswering(target)]);
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
   * Starts the server unless one answers at the address.
   * @throws EngineUnavailableError, BadInputError
   */
  async start(): Promise<void> {
    const target = await resolveTarget(this.#settings);
    if (await isAnswering(target, 500)) return;
    const { host, port } = splitAddress(target.address);
    if (!loopback.has(host) || !Number.isInteger(port) || port <= 0) {
      throw new BadInputError(
        `A dev server can only be started on this machine, not on ${target.address}.`,
        'Set forkpoint.temporal.address to 127.0.0.1:7233, or start that server where it belongs.',
      );
    }
    const cli = await findTemporalCli(this.#settings.cliPath, this.#settings.env, this.#settings.home);
    await this.#settings.withLock(path.join(this.#folder, 'dev-server.lock'), async () => {
      // Somebody else may have started it while we waited for the lock.
      if (await isAnswering(target, 500)) return;
      const other = await this.#record();
      if (other !== null && other.address !== target.address) {
        throw new BadInputError(
          `Forkpoint's dev server already runs on ${other.address}.`,
          'Use that address, or stop it first: one data folder has one server.',
        );
      }
      if (other === null) await this.#spawn(cli, target, host, port);
      else await this.#untilAnswering(other.pid, target);
    });
  }

  /** Stops the server that we started. False where there is none. */
  async stop(): Promise<boolean> {
    const record = await this.#record();
    if (record === null) return false;
    process.kill(record.pid, 'SIGTERM');
    if (!(await waitForEnd(record.pid, 10_000))) {
      process.kill(record.pid, 'SIGKILL');
      await waitForEnd(record.pid, 5_000);
    }
    await rm(this.#recordFile, { force: true });
    return true;
  }

  async #spawn(cli: string, target: TemporalTarget, host: string, port: number): Promise<void> {
    const ip = host === 'localhost' ? '127.0.0.1' : host.replace(/^\[|\]$/g, '');
    const uiPort = await freePort(ip, port + 1000);
    const log = await open(this.#logFile, 'w', 0o600);
    const args = ['server', 'start-dev', '--ip', ip, '--port', String(port), '--ui-port', String(uiPort)];
    args.push('--db-filename', path.join(this.#folder, 'temporal.db'), '--log-level', 'error');
    if (target.namespace !== 'default') args.push('--namespace', target.namespace);
    for (const value of tuning) args.push('--dynamic-config-value', value);
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
    const record: ServerRecord = { pid, address: target.address, ui: `http://${host}:${uiPort}` };
    await writeFile(this.#recordFile, JSON.stringify(record), { mode: 0o600 });
    await this.#untilAnswering(pid, target);
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

  /** What we wrote of our server, if that process is still it. */
  async #record(): Promise<ServerRecord | null> {
    const text = await readFile(this.#recordFile, 'utf8').catch(() => null);
    if (text === null) return null;
    const parsed = recordSchema.safeParse(parseJson(text));
    if (parsed.success && isAlive(parsed.data.pid)) {
      const command = await commandOf(parsed.data.pid);
      if (command?.includes('start-dev') && command.includes(String(splitAddress(parsed.data.address).port))) {
        return parsed.data;
      }
    }
    return null;
  }

  /** A dev server that somebody else started has its UI a thousand ports above; it counts only if it answers. */
  async #guessedUi(address: string): Promise<string | null> {
    const { host, port } = splitAddress(address);
    if (!loopback.has(host)) return null;
    const ui = `http://${host}:${port + 1000}`;
    const answer = await fetch(ui, { signal: AbortSignal.timeout(500) }).catch(() => null);
    await answer?.body?.cancel();
    return answer?.ok ? ui : null;
  }

  get #logFile(): string {
    return path.join(this.#folder, 'dev-server.log');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// The server needs no key of anyone.
function serverEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(ANTHROPIC|CLAUDE|TEMPORAL)_/.test(name)));
}
