import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import type { BlobStore } from '../../src/core/blobStore.ts';
import type { ForkPlan } from '../../src/core/fork/forkPlan.ts';
import type { BranchEvent } from '../../src/core/run/branchEvent.ts';
import { foldRun } from '../../src/core/run/foldRun.ts';
import type { RunStore } from '../../src/core/run/ports.ts';
import { commandOf, waitForEnd } from '../../src/orchestration/temporal/processes.ts';
import { readWorkerRecords } from '../../src/orchestration/temporal/workerRecords.ts';
import { type MessagesApi, type ReceivedRequest, type Reply, startMessagesApi } from './messagesApi.ts';
import { installProgram, type Program } from './otherMachine.ts';
import { storePlan } from './storedPlan.ts';
import { startTcpProxy, type TcpProxy } from './tcpProxy.ts';
import { killWorkers, startTestServer, type TestServer } from './temporal.ts';

/** What is done to a run under way. `host` dispatched it, `cli` waits for it, `network` is what lies between all of them and the server. */
export const strikes = ['worker', 'host', 'cli', 'server', 'network'] as const;
export type Strike = (typeof strikes)[number];

export interface ChaosReport {
  /** Everything that must not be, in words. Empty: all is well. */
  faults: string[];
  struck: { strike: Strike; atEvent: number }[];
  /** Requests beyond the first of each reply: those whose worker was lost while they were under way. */
  unknownCalls: number;
  ms: number;
}

const steps = 6;
const branchNames = ['ada', 'bob', 'cyd'];
const call = { name: 'Read', input: { file_path: '/a' } };
const turns = [{ turn: 1, prompt: null, calls: [{ ...call, result: { content: 'words', isError: false } }] }];
/** A run without a strike takes five seconds. */
const patienceMs = 240_000;
/** How long nothing comes before somebody looks after the run, as a person does who clicks on Resume. */
const quietMs = 8_000;

/** Numbers in [0, 1) that a seed decides (the splitmix32 generator). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

const nameIn = ({ body }: ReceivedRequest): string => body.messages[0].content[0].text;
const stepIn = ({ body }: ReceivedRequest): number => (body.messages.length + 1) / 2;

function answer(request: ReceivedRequest): Reply {
  const [name, step] = [nameIn(request), stepIn(request)];
  const said = { type: 'text' as const, text: `${name} says ${step}.` };
  const content = step < steps ? [said, { type: 'tool_use' as const, ...call }] : [said];
  return { content, between: 80 };
}

/** A server, a network, an API and a data folder, on which runs of real processes are struck. */
export class Chaos {
  readonly #server: TestServer;
  readonly #network: TcpProxy;
  readonly #api: MessagesApi;
  readonly #program: Program;
  readonly #home: string;
  readonly #runs: RunStore;
  readonly #blobs: BlobStore;
  readonly #children = new Set<ChildProcess>();
  #host: ChildProcess | null = null;
  #cli: ChildProcess | null = null;

  private constructor(parts: {
    server: TestServer;
    network: TcpProxy;
    api: MessagesApi;
    program: Program;
    home: string;
  }) {
    this.#server = parts.server;
    this.#network = parts.network;
    this.#api = parts.api;
    this.#program = parts.program;
    this.#home = parts.home;
    this.#runs = createRunStore(path.join(parts.home, 'runs'));
    this.#blobs = createBlobStore(path.join(parts.home, 'blobs'));
  }

  static async begin(): Promise<Chaos> {
    const server = await startTestServer();
    const network = await startTcpProxy(server.address);
    const [api, program] = await Promise.all([startMessagesApi(answer), installProgram()]);
    return new Chaos({ server, network, api, program, home: await mkdtemp(path.join(tmpdir(), 'forkpoint-chaos-')) });
  }

  /** One run, struck in this order at events that `random` chooses. */
  async run(order: readonly Strike[], random: () => number): Promise<ChaosReport> {
    const started = performance.now();
    const plan = await storePlan(
      { runs: this.#runs, blobs: this.#blobs },
      { engine: 'temporal', turns, branches: branchNames.map((name) => ({ name })), timeoutSeconds: 600 },
    );
    const before = this.#api.requests.length;
    const struck: ChaosReport['struck'] = [];
    const stop = AbortSignal.timeout(patienceMs);
    this.#look(plan);
    const all = branchNames.length * steps * 4;
    const moments = order.map((_, index) => Math.floor(((index + random()) * all) / order.length));
    const keeping = this.#keepGoing(plan, stop);
    for (const [index, strike] of order.entries()) {
      const at = await this.#untilEvent(plan, moments[index] ?? 0, stop);
      if (at === null) break;
      struck.push({ strike, atEvent: at });
      await this.#strike(strike, 300 + random() * 3_000);
      this.#look(plan);
    }
    await keeping;
    const faults = await this.#faults(plan, this.#api.requests.slice(before), struck);
    return { ...faults, struck, ms: performance.now() - started };
  }

  async end(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await killWorkers(this.#home);
    await this.#network.close();
    await this.#server.stop();
    await this.#api.close();
    await this.#program.remove();
    await rm(this.#home, { recursive: true, force: true, maxRetries: 5 });
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
      };
      const program = path.join(import.meta.dirname, 'chaosHost.ts');
      const flags = ['--experimental-transform-types', '--no-warnings'];
      this.#host = this.#spawn([...flags, program, JSON.stringify({ runId, settings })], () => {
        this.#host = null;
      });
    }
    this.#cli ??= this.#spawn([this.#program.script, 'status', runId, '--wait', '--json', '--address', address], () => {
      this.#cli = null;
    });
  }

  #spawn(args: string[], onExit: () => void): ChildProcess {
    const { PATH } = process.env;
    const env = { PATH, HOME: this.#home, FORKPOINT_HOME: this.#home };
    const child = spawn(process.execPath, args, { env, stdio: 'ignore' });
    this.#children.add(child);
    child.once('exit', () => {
      this.#children.delete(child);
      onExit();
    });
    return child;
  }

  async #strike(strike: Strike, forMs: number): Promise<void> {
    if (strike === 'worker') await killWorkers(this.#home);
    if (strike === 'host') await end(this.#host);
    if (strike === 'cli') await end(this.#cli);
    if (strike === 'server') {
      const { pid } = (await this.#server.control.status()).server;
      if (pid === null) throw new Error('The server has no process.');
      process.kill(pid, 'SIGKILL');
      await waitForEnd(pid, 5_000);
      await delay(forMs);
      await this.#server.control.startServer();
    }
    if (strike === 'network') {
      this.#network.cut();
      await delay(forMs);
      this.#network.mend();
    }
  }

  /** Waits until the log has so many events. Null where the run ended before. */
  async #untilEvent({ runId }: ForkPlan, count: number, stop: AbortSignal): Promise<number | null> {
    for (;;) {
      const events = await this.#runs.events(runId);
      if (hasEnded(events)) return null;
      if (events.length >= count) return events.length;
      stop.throwIfAborted();
      await delay(10);
    }
  }

  /** Looks after the run whenever nothing has come for a while, until it has ended. */
  async #keepGoing(plan: ForkPlan, stop: AbortSignal): Promise<void> {
    let known = 0;
    let since = performance.now();
    while (!stop.aborted) {
      const events = await this.#runs.events(plan.runId);
      if (hasEnded(events)) return;
      if (events.length !== known) since = performance.now();
      known = events.length;
      if (performance.now() - since > quietMs) {
        since = performance.now();
        await end(this.#host);
        this.#look(plan);
      }
      await delay(100);
    }
  }

  async #faults(
    plan: ForkPlan,
    requests: readonly ReceivedRequest[],
    struck: ChaosReport['struck'],
  ): Promise<Pick<ChaosReport, 'faults' | 'unknownCalls'>> {
    const faults: string[] = [];
    const kills = struck.length;
    const events = await this.#runs.events(plan.runId);
    const view = foldRun(plan, events);
    if (view.state !== 'completed') faults.push(`The run is ${view.state}.`);
    for (const { name, state, results, text } of view.branches) {
      const said = Array.from({ length: steps }, (_, index) => `${name} says ${index + 1}.`).join('\n\n');
      if (state !== 'completed' || results.length !== steps)
        faults.push(`Branch ${name} is ${state} with ${results.length} replies.`);
      else if (text !== said) faults.push(`Branch ${name} lost words: ${text}`);
      const replies = results.map(({ reply }) => this.#blobs.get(reply));
      await Promise.all(replies).catch((error: unknown) => faults.push(`A reply of ${name} is gone: ${String(error)}`));
    }
    let unknownCalls = 0;
    for (const { branchId, name } of plan.branches) {
      const own = events.filter((event) => 'branchId' in event && event.branchId === branchId);
      let unknownOfBranch = 0;
      for (let step = 1; step <= steps; step += 1) {
        const asked = requests.filter((request) => nameIn(request) === name && stepIn(request) === step).length;
        const unknown = own.filter((event) => event.type === 'retrying' && event.step === step).length;
        unknownOfBranch += unknown;
        if (asked > 1 + unknown)
          faults.push(`Reply ${step} of ${name} was asked for ${asked} times, ${unknown} of them said.`);
      }
      if (unknownOfBranch > kills)
        faults.push(`${unknownOfBranch} calls of ${name} are unknown after ${kills} strikes.`);
      unknownCalls += unknownOfBranch;
      const begun = own.filter(({ type }) => type === 'branch-started').length;
      const ended = own.filter(({ type }) => type === 'branch-ended').length;
      // A worker that is lost between writing an event and saying so leaves it to be written again; what is asked is counted above.
      if ([begun, ended].some((times) => times < 1 || times > 1 + kills))
        faults.push(`Branch ${name} began ${begun} and ended ${ended} times.`);
    }
    faults.push(...(await this.#unreadable(plan, kills)), ...(await this.#left()));
    return { faults, unknownCalls };
  }

  /** Every line of the log is one that can be read, but for what a kill tore. */
  async #unreadable({ runId }: ForkPlan, kills: number): Promise<string[]> {
    const text = await readFile(path.join(this.#home, 'runs', runId, 'events.jsonl'), 'utf8');
    const torn = text.split('\n').filter((line) => {
      try {
        return line !== '' && JSON.parse(line) === undefined;
      } catch {
        return true;
      }
    });
    return torn.length > kills ? [`${torn.length} lines of the log can't be read.`] : [];
  }

  /** Once it has ended, hosts and commands end by themselves and one worker waits for more. @returns what else lives */
  async #left(): Promise<string[]> {
    for (let look = 0; look < 100 && this.#children.size > 0; look += 1) await delay(100);
    const faults = [...this.#children].map(({ pid, spawnargs }) => `Process ${pid} goes on: ${spawnargs.join(' ')}`);
    if (process.platform !== 'linux') return faults;
    const workers = (await readWorkerRecords({ home: this.#home })).map(({ pid }) => pid);
    const { workerScript } = this.#server.settings({ home: this.#home });
    for (const name of await readdir('/proc')) {
      const pid = Number(name);
      if (!Number.isInteger(pid) || workers.includes(pid)) continue;
      const command = (await commandOf(pid)) ?? '';
      if (command.includes(workerScript) && !command.includes('chaosHost'))
        faults.push(`Process ${pid} is an orphan: ${command}`);
    }
    if (workers.length > 1) faults.push(`${workers.length} workers are left.`);
    return faults;
  }
}

const hasEnded = (events: readonly BranchEvent[]): boolean => events.some(({ type }) => type === 'run-ended');

async function end(child: ChildProcess | null): Promise<void> {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}
