// src/adapters/reader: reading in a thread of its own, so that the editor's thread never does. Calls and results
// cross as plain data; no rule of what is read comes in.

import { ReaderEndedError } from '../../core/errors.ts';
import type { ReadingFolders } from './createReadingStore.ts';
import type { ReaderTasks } from './readerTasks.ts';
import { type RunningReader, startReaderHere, startReaderThread } from './startReader.ts';
import type { ArgumentsOf, ItemOf, ValueOf } from './taskClient.ts';

export interface ReaderOptions {
  folders: ReadingFolders;
  /** The bundled `readerThread.ts`. */
  script: URL;
  /** After so long without a call the thread ends, and with it all that it holds of transcripts. Milliseconds. */
  idleMs?: number;
  /** Told of failures that stop nothing. */
  log?: (message: string, error: unknown) => void;
}

type Name = keyof ReaderTasks;

const defaultIdleMs = 5 * 60_000;

/** The thread that reads sessions: started by the first call, anew after it died, ended when nobody calls any more. */
export class Reader {
  readonly #options: ReaderOptions;
  #running: Promise<RunningReader> | null = null;
  #calls = 0;
  #idle: NodeJS.Timeout | null = null;
  #disposed = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** The value of a task. Rejects with the signal's reason as soon as it aborts. */
  async call<N extends Name>(
    name: N,
    args: ArgumentsOf<ReaderTasks[N]>,
    signal?: AbortSignal,
  ): Promise<ValueOf<ReaderTasks[N]>> {
    signal?.throwIfAborted();
    this.#enter();
    try {
      return await (await this.#reader()).client.call(name, args, signal);
    } finally {
      this.#leave();
    }
  }

  /** The values of a task as they come; ends when the signal aborts. Leaving the iteration stops the task. */
  async *iterate<N extends Name>(
    name: N,
    args: ArgumentsOf<ReaderTasks[N]>,
    signal?: AbortSignal,
  ): AsyncGenerator<ItemOf<ReaderTasks[N]>, void> {
    this.#enter();
    try {
      yield* (await this.#reader()).client.iterate(name, args, signal);
    } finally {
      this.#leave();
    }
  }

  /** As `iterate`, but nobody waits for it: the thread may end meanwhile, and this fails with a ReaderEndedError. */
  async *follow<N extends Name>(
    name: N,
    args: ArgumentsOf<ReaderTasks[N]>,
    signal: AbortSignal,
  ): AsyncGenerator<ItemOf<ReaderTasks[N]>, void> {
    yield* (await this.#reader()).client.iterate(name, args, signal);
  }

  /** Lets go of an opened session. */
  release(handle: number): void {
    // A thread that has ended holds nothing.
    void this.#running?.then(({ client }) => client.call('release', [handle])).catch(() => {});
  }

  /** Ends the thread for good: what has not come yet fails. */
  dispose(): void {
    this.#disposed = true;
    this.#end();
  }

  /** Counts somebody who waits: as long as there are any, the process stays alive. */
  #enter(): void {
    this.#calls += 1;
    this.#stopWaiting();
    this.#hold();
  }

  #leave(): void {
    this.#calls -= 1;
    if (this.#calls > 0) return;
    this.#hold();
    if (!this.#disposed) this.#idle = setTimeout(() => this.#end(), this.#options.idleMs ?? defaultIdleMs).unref();
  }

  #hold(): void {
    void this.#running?.then((reader) => reader.hold(this.#calls > 0)).catch(() => {});
  }

  #reader(): Promise<RunningReader> {
    if (this.#disposed) {
      const error = new ReaderEndedError('These sessions are no longer read.', 'Try again: they are opened anew.');
      return Promise.reject(error);
    }
    this.#running ??= this.#start();
    return this.#running;
  }

  async #start(): Promise<RunningReader> {
    const { folders, script, log } = this.#options;
    const reader = await startReaderThread(script, folders, (error) => {
      this.#running = null;
      log?.('The thread that reads sessions ended.', error);
    }).catch((error: unknown) => {
      log?.('No thread can be started: sessions are read in this one, which may hold up the editor.', error);
      return startReaderHere(folders);
    });
    reader.hold(this.#calls > 0);
    return reader;
  }

  #end(): void {
    this.#stopWaiting();
    const running = this.#running;
    this.#running = null;
    void running?.then((reader) => reader.end()).catch(() => {});
  }

  #stopWaiting(): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
  }
}
