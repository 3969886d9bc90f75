import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import type { BlobStore } from '../../src/core/blobStore.ts';
import type { ForkPlan } from '../../src/core/fork/forkPlan.ts';
import type { RunStore } from '../../src/core/run/ports.ts';
import { commandOf } from '../../src/orchestration/temporal/processes.ts';
import { readWorkerRecords } from '../../src/orchestration/temporal/workerRecords.ts';
import { type Calls, type Findings, findingsOf, repliesIn, type Struck, sentIn } from './chaosFindings.ts';
import { carryOut, type Strike } from './chaosStrikes.ts';
import { FollowedLog } from './followedLog.ts';
import { type MessagesApi, type ReceivedRequest, type Reply, startMessagesApi } from './messagesApi.ts';
import { installProgram, type Program } from './otherMachine.ts';
import { canMountDisks, SmallDisk } from './smallDisk.ts';
import { storePlan } from './storedPlan.ts';
import { startTcpProxy, type TcpProxy } from './tcpProxy.ts';
import { killWorkers, startTestServer, type TestServer, workerOfSources } from './temporal.ts';

export interface ChaosReport extends Findings {
  /** Processes that are left of the run. */
  orphans: number;
  /** How often somebody had to look after the run, as a person does who clicks on Resume. */
  looks: number;
  ms: number;
}

/** When a strike comes: with this event of the run, 0-based. */
export interface Planned {
  strike: Strike;
  atEvent: number;
}

const steps = 6;
const branchNames = ['ada', 'bob', 'cyd'];
/** How many events the log of a run has on which nothing strikes. */
export const eventsOfRun = branchNames.length * (2 + steps * 4) + 2;
const call = { name: 'Read', input: { file_path: '/a' } };
const turns = [{ turn: 1, prompt: null, calls: [{ ...call, result: { content: 'words', isError: false } }] }];
/** A run without a strike takes five seconds. */
const patienceMs = 240_000;
/** How long nothing comes before somebody looks after the run. */
const quietMs = 8_000;
const diskMegabytes = 64;

const calls: Calls = {
  nameIn: ({ body }: ReceivedRequest): string => body.messages[0].content[0].text,
  stepIn: ({ body }: ReceivedRequest): number => (body.messages.length + 1) / 2,
};

function answer(request: ReceivedRequest): Reply {
  const [name, step] = [calls.nameIn(request), calls.stepIn(request)];
  const said = { type: 'text' as const, text: `${name} says ${step}.` };
  const content = step < steps ? [said, { type: 'tool_use' as const, ...call }] : [said];
  return { content, between: 80 };
}

/** A server, a network, an API and a data folder, on which runs of real processes are struck. */
export class Chaos {
  readonly #folder: string;
  readonly #disk: SmallDisk | null;
  readonly #server: TestServer;
  readonly #network: TcpProxy;
  readonly #api: MessagesApi;
  readonly #program: Program;
  readonly #hostScript: string;
  readonly #home: string;
  readonly #runs: RunStore;
  readonly #blobs: BlobStore;
  readonly #children = new Set<ChildProcess>();
  /** Workers of other tests. */
  readonly #foreign: ReadonlySet<number>;
  #host: ChildProcess | null = null;
  #cli: ChildProcess | null = null;

  private constructor(parts: {
    folder: string;
    disk: SmallDisk | null;
    server: TestServer;
    network: TcpProxy;
    api: MessagesApi;
    program: Program;
    hostScript: string;
    home: string;
    foreign: ReadonlySet<number>;
  }) {
    this.#folder = parts.folder;
    this.#disk = parts.disk;
    this.#server = parts.server;
    this.#network = parts.network;
    this.#api = parts.api;
    this.#program = parts.program;
    this.#hostScript = parts.hostScript;
    this.#home = parts.home;
    this.#foreign = parts.foreign;
    this.#runs = createRunStore(path.join(parts.home, 'runs'));
    this.#blobs = createBlobStore(path.join(parts.home, 'blobs'));
  }

  /** @param small data folders lie on a disk that can be full */
  static async begin(small = canMountDisks): Promise<Chaos> {
    const folder = await mkdtemp(path.join(tmpdir(), 'forkpoint-chaos-'));
    const disk = small ? new SmallDisk(path.join(folder, 'disk'), diskMegabytes) : null;
    const data = disk?.folder ?? folder;
    const server = await startTestServer(data);
    const network = await startTcpProxy(server.address);
    const [api, program, hostScript] = await Promise.all([startMessagesApi(answer), installProgram(), bundledHost()]);
    const home = path.join(data, 'home');
    await mkdir(home);
    const foreign = new Set((await workerProcesses(server.settings({ home }).workerScript)).keys());
    return new Chaos({ folder, disk, server, network, api, program, hostScript, home, foreign });
  }

  /** One run with these strikes, one after the other, and what became of it. */
  async run(planned: readonly Planned[], random: () => number): Promise<ChaosReport> {
    const started = performance.now();
    await writeFile(this.#clockFile, '0');
    const plan = await storePlan(
      { runs: this.#runs, blobs: this.#blobs },
      { engine: 'temporal', turns, branches: branchNames.map((name) => ({ name })), timeoutSeconds: 600 },
    );
    const before = this.#api.requests.length;
    const stop = AbortSignal.timeout(patienceMs);
    const log = new FollowedLog(plan, this.#runs);
    const struck: Struck[] = [];
    this.#look(plan);
    const keeping = this.#keepGoing(plan, log, stop);
    try {
      for (const { strike, atEvent } of planned) {
        if (!(await log.reaches(atEvent, stop))) break;
        struck.push(await this.#strike(strike, log, random));
        this.#look(plan);
      }
      const looks = await keeping;
      const events = await this.#runs.events(plan.runId);
      const logFile = path.join(this.#home, 'runs', plan.runId, 'events.jsonl');
      const run = { plan, events, requests: this.#api.requests.slice(before), logFile };
      const { figures, faults } = await findingsOf(run, struck, { steps, blobs: this.#blobs, calls });
      const left = await this.#left();
      return { figures, faults: [...faults, ...left], orphans: left.length, looks, ms: performance.now() - started };
    } finally {
      log.close();
    }
  }

  async end(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    this.#disk?.free();
    await killWorkers(this.#home);
    await this.#network.close();
    await this.#server.stop();
    await this.#api.close();
    await this.#program.remove();
    this.#disk?.unmount();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  get #clockFile(): string {
    return path.join(this.#folder, 'clock');
  }

  async #strike(strike: Strike, log: FollowedLog, random: () => number): Promise<Struck> {
    const { plan } = log;
    const target = {
      server: this.#server,
      network: this.#network,
      disk: this.#disk,
      home: this.#home,
      clockFile: this.#clockFile,
      pids: { host: this.#host?.pid ?? null, cli: this.#cli?.pid ?? null },
    };
    const [atEvent, from] = [log.events.length, performance.now()];
    const before = await this.#runs.events(plan.runId);
    await carryOut(strike, target, random);
    const after = await this.#runs.events(plan.runId);
    // A dead worker writes no more: what it did not write was under way.
    const known = repliesIn(plan, strike === 'worker' ? after : before);
    return { strike, atEvent, from, to: performance.now(), known, sent: sentIn(plan, after) };
  }

  /** Sees to it that a host drives the run and that the command line waits for it. */
  #look({ runId }: ForkPlan): void {
    const { taskQueue, workerScript } = this.#server.settings({ home: this.#home });
    const address = this.#network.address;
    if (this.#host === null) {
      const settings = {
        home: this.#home,
        address,
        namespace: 'default',
        taskQueue,
        workerScript,
        baseUrl: this.#api.baseUrl,
        workerEnv: this.#clock(),
      };
      this.#host = this.#spawn([this.#hostScript, JSON.stringify({ runId, settings })], () => {
        this.#host = null;
      });
    }
    this.#cli ??= this.#spawn([this.#program.script, 'status', runId, '--wait', '--json', '--address', address], () => {
      this.#cli = null;
    });
  }

  /** Environment of processes whose clock jumps. */
  #clock(): Record<string, string> {
    const preload = path.join(import.meta.dirname, 'jumpingClock.mjs');
    return { NODE_OPTIONS: `--import=${preload}`, FORKPOINT_TEST_CLOCK: this.#clockFile };
  }

  #spawn(args: string[], onExit: () => void): ChildProcess {
    const { PATH } = process.env;
    const env = { PATH, HOME: this.#home, FORKPOINT_HOME: this.#home, ...this.#clock() };
    const child = spawn(process.execPath, args, { env, stdio: 'ignore' });
    this.#children.add(child);
    child.once('exit', () => {
      this.#children.delete(child);
      onExit();
    });
    return child;
  }

  /** Looks after the run whenever nothing has come for a while, until it is completed. @returns how often */
  async #keepGoing(plan: ForkPlan, log: FollowedLog, stop: AbortSignal): Promise<number> {
    let looks = 0;
    while (!stop.aborted && !log.isCompleted) {
      // On a busy machine whoever looks after it takes longer: it is given more time with each look.
      if (await log.isQuietFor(quietMs * (1 + looks), stop)) {
        looks += 1;
        await end(this.#host);
        this.#look(plan);
      } else if (log.hasEnded && this.#host === null) {
        looks += 1;
        this.#look(plan);
        await delay(500);
      }
    }
    return looks;
  }

  /** Once it has ended, hosts and commands end by themselves and one worker waits for more. @returns what else lives */
  async #left(): Promise<string[]> {
    // A worker that is replaced or has lost its starter takes a moment to end.
    let faults = await this.#alive();
    for (let look = 0; look < 150 && faults.length > 0; look += 1) {
      await delay(100);
      faults = await this.#alive();
    }
    return faults;
  }

  async #alive(): Promise<string[]> {
    const faults = [...this.#children].map(({ pid, spawnargs }) => `Process ${pid} goes on: ${spawnargs.join(' ')}`);
    const workers = await readWorkerRecords({ home: this.#home });
    if (workers.length > 1) faults.push(`${workers.length} workers are left: ${JSON.stringify(workers)}`);
    const { workerScript } = this.#server.settings({ home: this.#home });
    for (const [pid, command] of await workerProcesses(workerScript)) {
      if (this.#foreign.has(pid) || workers.some((worker) => worker.pid === pid)) continue;
      faults.push(`Process ${pid} is an orphan: ${command}`);
    }
    return faults;
  }
}

/** Process ids of all workers of that script, with their command lines; none where these can't be told. */
async function workerProcesses(workerScript: string): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  if (process.platform !== 'linux') return found;
  for (const pid of (await readdir('/proc')).map(Number)) {
    const command = Number.isInteger(pid) ? ((await commandOf(pid)) ?? '') : '';
    if (command.includes(workerScript) && !command.includes('chaosHost')) found.set(pid, command);
  }
  return found;
}

/** It is started often, and much faster in one file. Lies where it finds the packages. */
async function bundledHost(): Promise<string> {
  const outfile = path.join(path.dirname(await workerOfSources()), 'chaosHost.js');
  const entryPoints = [path.join(import.meta.dirname, 'chaosHost.ts')];
  await build({ entryPoints, outfile, bundle: true, packages: 'external', platform: 'node', format: 'esm' });
  return outfile;
}

async function end(child: ChildProcess | null): Promise<void> {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}
