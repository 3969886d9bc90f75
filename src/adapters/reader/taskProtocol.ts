import type { Transferable } from 'node:worker_threads';
import type { Piece } from './pieces.ts';
import type { PlainError } from './plainError.ts';

/** One end of a channel: a `Worker`, a thread's `parentPort`, or a port of a `MessageChannel`. */
export interface TaskPort {
  postMessage(message: unknown, transfer?: readonly Transferable[]): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  off(event: 'message', listener: (message: unknown) => void): unknown;
}

/** Gives one value, or many as they come. */
// oxlint-disable-next-line typescript/no-explicit-any -- only `any` takes functions of all arguments
export type Task = (signal: AbortSignal, ...args: any[]) => Promise<unknown> | AsyncIterable<unknown>;

/** What the other thread can be asked to do. Arguments and results are plain data. */
export type Tasks<T> = { [Name in keyof T]: Task };

/** What came of a task so far. The next page is made when it is asked for, so that one side can't flood the other. */
export type Page = { pieces: Piece[]; done: boolean } | { error: PlainError };

/** The calls by which a client drives tasks. Ids are the client's. */
export interface TaskServerCalls {
  /** Starts a task and answers with its first page. */
  start(id: number, name: string, args: unknown[]): Promise<Page>;
  next(id: number): Promise<Page>;
  /** Aborts the task's signal; no further page is wanted. */
  stop(id: number): void;
}
