import { setTimeout as delay } from 'node:timers/promises';
import type {
  AgentMessage,
  AgentProgram,
  AgentTurnEnd,
  AgentTurnOrder,
  PlaceProcess,
} from '../../core/agent/agentPorts.ts';
import { whyGuarded } from '../../core/agent/guardFlags.ts';
import { LineSplitter } from '../../core/agent/lineSplitter.ts';
import {
  interruptLine,
  isPermissionRequest,
  promptLine,
  readStreamLine,
  refusalLine,
} from '../../core/agent/streamProtocol.ts';
import { failureOf } from '../../core/agent/turnEnd.ts';
import { TurnReader } from '../../core/agent/turnReader.ts';
import { AgentError } from '../../core/errors.ts';
import { PermissionDesk } from './permissionDesk.ts';

/** Waits, in milliseconds. */
export interface ProgramTimes {
  /** For the end of a turn that was interrupted. */
  interruptMs: number;
  /** For the program to end when it was told to by a signal. */
  terminateMs: number;
  /** For it to end by itself after its turn. */
  leaveMs: number;
  /** For a turn to follow when something in the background has ended. */
  followMs: number;
  /** For commands in the background after a turn: some are awaited by the agent, a server never ends. */
  shellsMs: number;
}

type TurnOptions = Parameters<AgentProgram['turn']>[1];

/** Characters of what the program said last beside its protocol, for messages. */
const tailLength = 2_000;
/** A killed program may leave a child that holds its output open: nothing is waited for longer, in milliseconds. */
const closedMs = 1_000;

/** One process of Claude Code, from its prompt to its end. */
export class RunningAgent {
  readonly #process: PlaceProcess;
  readonly #order: AgentTurnOrder;
  readonly #options: TurnOptions;
  readonly #times: ProgramTimes;
  readonly #reader: TurnReader;
  #toldOfRules = false;
  readonly #desk: PermissionDesk;
  readonly #lines = new LineSplitter();
  /** Null: aborted, or the program ended without a result. */
  readonly #over = deferred<AgentTurnEnd | null>();
  /** A turn came to its end, which may not be the end of all. */
  readonly #resultCame = deferred<void>();
  #wait: { for: string; end: AgentTurnEnd; timer: NodeJS.Timeout } | null = null;
  #tail = '';

  constructor(
    process: PlaceProcess,
    order: AgentTurnOrder,
    options: TurnOptions,
    times: ProgramTimes,
    costBefore: number,
  ) {
    this.#process = process;
    this.#order = order;
    this.#options = options;
    this.#times = times;
    this.#reader = new TurnReader(costBefore, (tool, input) => whyGuarded(order.place, tool, input));
    this.#desk = new PermissionDesk(order, {
      inputOf: (callId) => this.#reader.inputOf(callId),
      onQuestion: options.onQuestion,
      say: (line) => process.stdin.write(line),
      onDenied: (callId, message) => {
        this.#reader.noteDenied(callId);
        if (message !== null) options.onMessage(message);
      },
    });
  }

  /** @throws AgentError; the signal's reason after an abort; what a listener throws */
  async run(): Promise<AgentTurnEnd> {
    const { signal } = this.#options;
    const onAbort = (): void => this.#over.resolve(null);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#process.onStdout((piece) => this.#guarded(() => this.#take(this.#lines.add(piece))));
    this.#process.onStderr((piece) => this.#guarded(() => this.#takeError(piece)));
    void this.#process.ended.then(() => {
      const rest = this.#lines.rest();
      this.#guarded(() => this.#take(rest === null ? [] : [rest]));
      this.#over.resolve(this.#reader.end);
    });
    try {
      this.#process.stdin.write(promptLine(this.#order.prompt));
      if (signal.aborted) onAbort();
      const end = await this.#over.promise;
      if (signal.aborted) {
        await this.#interrupt();
        throw signal.reason;
      }
      if (end === null) return await this.#lost();
      await this.#options.onEnd?.(end);
      return end;
    } finally {
      signal.removeEventListener('abort', onAbort);
      clearTimeout(this.#wait?.timer);
      await this.#leave();
    }
  }

  #take(texts: readonly string[]): void {
    for (const text of texts) {
      const line = readStreamLine(text);
      if (line === null) {
        // What is said outside of the protocol is meant for a person.
        if (!text.startsWith('{')) this.#remember(`${text}\n`);
      } else if (line.type === 'control_cancel_request') this.#desk.cancel(line.request_id);
      else if (line.type !== 'control_request') this.#pass(this.#reader.add(line));
      else if (isPermissionRequest(line)) this.#desk.take(line).catch((error: unknown) => this.#over.reject(error));
      else this.#process.stdin.write(refusalLine(line.request_id, 'Forkpoint does not know this request.'));
    }
    this.#lookForEnd();
  }

  #pass(messages: readonly AgentMessage[]): void {
    for (const message of messages) this.#options.onMessage(message);
  }

  /** A listener that throws ends the turn, not this process. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#over.reject(error);
    }
  }

  #lookForEnd(): void {
    const { end, hopeless, tasks } = this.#reader;
    if (hopeless !== null) {
      this.#over.resolve({ kind: 'failed', stopReason: null, error: hopeless, costUsd: null, resetsAt: null });
    }
    if (end === null) return this.#await(null, null, 0);
    this.#resultCame.resolve();
    const waitsFor = end.kind === 'completed' ? tasks.waitsFor : 'nothing';
    if (waitsFor === 'nothing') return this.#over.resolve(end);
    if (waitsFor === 'agents') return this.#await(null, null, 0);
    this.#await(waitsFor, end, waitsFor === 'shells' ? this.#times.shellsMs : this.#times.followMs);
  }

  /** Takes a turn for ended when nothing else comes; lines in between don't make the wait longer. */
  #await(what: string | null, end: AgentTurnEnd | null, ms: number): void {
    if (this.#wait?.for === what && this.#wait?.end === end) return;
    clearTimeout(this.#wait?.timer);
    this.#wait = null;
    if (what === null || end === null) return;
    this.#wait = { for: what, end, timer: setTimeout(() => this.#over.resolve(end), ms) };
  }

  /** Stops the turn so that what was said is kept in the session, which Claude Code writes then. */
  async #interrupt(): Promise<void> {
    if (this.#reader.end !== null) return;
    this.#process.stdin.write(interruptLine('forkpoint-interrupt'));
    const { ended } = this.#process;
    await Promise.race([this.#resultCame.promise, ended, delay(this.#times.interruptMs, null, { ref: false })]);
    this.#guarded(() => this.#pass(this.#reader.finish()));
  }

  /** Ends the program and all that it started, if it doesn't end by itself. */
  async #leave(): Promise<void> {
    const { ended, stdin } = this.#process;
    const { leaveMs, terminateMs } = this.#times;
    stdin.end();
    const done = this.#reader.end?.kind !== undefined && this.#reader.tasks.waitsFor !== 'shells';
    // It would wait for servers in the background, and ask again and again where that is in vain.
    const leaves = done && !this.#options.signal.aborted && this.#reader.hopeless === null;
    if (leaves && (await within(ended, leaveMs))) return;
    this.#process.signal('SIGTERM');
    if (await within(ended, terminateMs)) return;
    this.#process.kill();
    await within(ended, closedMs);
  }

  /** The program is gone and gave no result. */
  async #lost(): Promise<AgentTurnEnd> {
    this.#pass(this.#reader.finish());
    const { exitCode, signal } = await this.#process.ended;
    const said = this.#tail.trim();
    const error = failureOf(said, null, null);
    if (error.code === 'authentication') {
      return { kind: 'failed', stopReason: null, error, costUsd: null, resetsAt: null };
    }
    const how = signal === null ? `exit code ${exitCode}` : signal;
    throw new AgentError(
      `Claude Code ended without a result (${how}).${said === '' ? '' : ` It said: ${said}`}`,
      'Start “claude” in a terminal to see whether it works, then run Resume or Retry Failed.',
      { exitCode, signal },
    );
  }

  #takeError(piece: string): void {
    this.#remember(piece);
    const rules = ignoredRules(this.#tail);
    if (rules === null || this.#toldOfRules) return;
    this.#toldOfRules = true;
    this.#options.onMessage({ type: 'notice', text: ignoredRulesText(rules) });
  }

  #remember(text: string): void {
    this.#tail = (this.#tail + text).slice(-tailLength);
  }
}

/** How many allow rules of a project Claude Code says to ignore; null where it says nothing of it. */
function ignoredRules(said: string): number | null {
  const [, count] = /Ignoring (\d+) permissions\.allow/.exec(said) ?? [];
  return count === undefined ? null : Number(count);
}

function ignoredRulesText(count: number): string {
  const rules = count === 1 ? '1 allow rule' : `${count} allow rules`;
  return `${rules} of this project’s .claude/settings.json ${count === 1 ? 'does' : 'do'} not count here, for Claude Code was never told to trust the folder: what they allow is asked for (allowProjectRules lets them count).`;
}

/** Whether it has happened within so many milliseconds. */
async function within(happening: Promise<unknown>, ms: number): Promise<boolean> {
  const late = new AbortController();
  const waited = delay(ms, false, { signal: late.signal }).catch(() => false);
  const happened = await Promise.race([happening.then(() => true), waited]);
  late.abort();
  return happened;
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** A promise that is resolved from outside; only the first time counts. */
function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  // A rejection that nobody awaits yet must not end the process.
  promise.catch(() => {});
  return { promise, resolve, reject };
}
