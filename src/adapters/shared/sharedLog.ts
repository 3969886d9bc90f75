import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { StorageError } from '../../core/errors.ts';
import type { RunId } from '../../core/ids.ts';
import type { BranchEvent } from '../../core/run/branchEvent.ts';
import type { SharedStore } from '../../core/sharedStore.ts';

const segmentSchema = z.object({ id: z.string(), events: z.array(z.record(z.string(), z.unknown())) });

/** Events that were written together. `number` counts the segments of a run from 1 on, without a gap. */
export interface Segment {
  number: number;
  events: Record<string, unknown>[];
}

const mostEvents = 500;
/** Segments that are read at once. */
const readAtOnce = 8;
/** Numbers that are tried one after the other before the names are listed. */
const triesInRow = 8;

const nameOf = (runId: RunId, number: number): string => `runs/${runId}/events/${String(number).padStart(8, '0')}.json`;

/**
 * The logs of runs in a shared store. No such store can be appended to, so a log is a row of segments, and whoever creates the next
 * number has it: that puts the events of all writers into one order, and a reader knows by the numbers that it missed none.
 */
export class SharedLog {
  readonly #store: SharedStore;
  readonly #ends = new Map<RunId, LogEnd>();

  constructor(store: SharedStore) {
    this.#store = store;
  }

  /** Resolves when every machine can read the event. @throws StorageError */
  append(event: BranchEvent): Promise<void> {
    const end = this.#ends.get(event.runId) ?? new LogEnd(this.#store, event.runId);
    this.#ends.set(event.runId, end);
    return end.append(event);
  }

  /** Segments of the run from this number on. @throws StorageError */
  async read(runId: RunId, from: number): Promise<Segment[]> {
    const segments: Segment[] = [];
    // Most readers are up to date, so first one is asked for.
    for (let count = 1; ; count = readAtOnce) {
      const numbers = Array.from({ length: count }, (_, index) => from + segments.length + index);
      const read = await Promise.all(numbers.map((number) => readSegment(this.#store, runId, number)));
      for (const segment of read) {
        if (segment === null) return segments;
        segments.push(segment);
      }
    }
  }
}

async function readSegment(store: SharedStore, runId: RunId, number: number): Promise<Segment | null> {
  const name = nameOf(runId, number);
  const bytes = await store.get(name);
  return bytes === null ? null : { number, events: parsed(bytes, name).events };
}

function parsed(bytes: Uint8Array, name: string): z.infer<typeof segmentSchema> {
  try {
    return segmentSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (error) {
    throw new StorageError(`A part of the run's log is damaged: ${name}`, 'Dispatch the fork again.', null, {
      cause: error,
    });
  }
}

/** The end of one run's log, as this process writes it. What comes while a segment is on its way goes into the next one. */
class LogEnd {
  readonly #store: SharedStore;
  readonly #runId: RunId;
  #waiting: { event: BranchEvent; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #isWriting = false;
  #next: number | null = null;

  constructor(store: SharedStore, runId: RunId) {
    this.#store = store;
    this.#runId = runId;
  }

  append(event: BranchEvent): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ event, resolve, reject });
      if (!this.#isWriting) void this.#write();
    });
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, mostEvents);
      try {
        await this.#writeSegment(batch.map(({ event }) => event));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isWriting = false;
  }

  async #writeSegment(events: BranchEvent[]): Promise<void> {
    // No two segments are equal, so that a store can tell whose an object is.
    const bytes = Buffer.from(JSON.stringify({ id: randomUUID(), events }));
    let number = this.#next ?? (await this.#after(0));
    for (let tries = 1; !(await this.#store.create(nameOf(this.#runId, number), bytes)); tries += 1) {
      // Others write as well: mostly they are a few segments ahead.
      number = tries % triesInRow === 0 ? await this.#after(number) : number + 1;
    }
    this.#next = number + 1;
  }

  /** The number that follows the last one. */
  async #after(number: number): Promise<number> {
    const prefix = `runs/${this.#runId}/events/`;
    const names = await this.#store.list(prefix, number === 0 ? '' : nameOf(this.#runId, number));
    const last = names.at(-1);
    return last === undefined ? number + 1 : Number.parseInt(last.slice(prefix.length), 10) + 1;
  }
}
