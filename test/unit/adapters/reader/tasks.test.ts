import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serveTasks } from '../../../../src/adapters/reader/serveTasks.ts';
import { TaskClient } from '../../../../src/adapters/reader/taskClient.ts';
import { NotFoundError, ReaderEndedError } from '../../../../src/core/errors.ts';

/** What the tasks below have seen. */
let seen: { aborted: string[]; left: string[]; made: number };
let ports: MessagePort[] = [];

const tasks = {
  add: async (_signal: AbortSignal, a: number, b: number) => a + b,
  turns: async (_signal: AbortSignal, count: number) =>
    Array.from({ length: count }, (_, at) => ({ at, text: `turn ${at}` })),
  bytes: async (_signal: AbortSignal, count: number) => Buffer.alloc(count, 7),
  nothing: async (_signal: AbortSignal): Promise<undefined> => undefined,
  missing: async (_signal: AbortSignal): Promise<never> => {
    throw new NotFoundError('Not there.', 'Look elsewhere.', { path: '/x' });
  },
  unclonable: async (_signal: AbortSignal) => ({ go: () => 1 }),
  forever: (signal: AbortSignal, name: string) =>
    new Promise<never>(() => signal.addEventListener('abort', () => seen.aborted.push(name))),
  async *count(_signal: AbortSignal, to: number) {
    try {
      for (let at = 0; at < to; at += 1) {
        seen.made += 1;
        yield { at, filler: 'x'.repeat(20_000) };
      }
    } finally {
      seen.left.push('count');
    }
  },
  async *thenFail(_signal: AbortSignal) {
    yield 1;
    yield 2;
    throw new NotFoundError('No third.', 'Take two.');
  },
  async *slow(signal: AbortSignal, gate: SharedArrayBuffer) {
    yield 'first';
    const open = new Int32Array(gate);
    while (Atomics.load(open, 0) === 0 && !signal.aborted) await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) seen.aborted.push('slow');
    else yield 'second';
  },
};

let client: TaskClient<typeof tasks>;

beforeEach(() => {
  seen = { aborted: [], left: [], made: 0 };
  const { port1, port2 } = new MessageChannel();
  ports = [port1, port2];
  serveTasks<typeof tasks>(port2, tasks);
  client = new TaskClient<typeof tasks>(port1);
});
afterEach(() => {
  for (const port of ports) port.close();
});

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const got: T[] = [];
  for await (const value of values) got.push(value);
  return got;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('a value', () => {
  test('comes back, small or large', async () => {
    const [sum, nothing, turns] = await Promise.all([
      client.call('add', [2, 3]),
      client.call('nothing', []),
      client.call('turns', [30_000]),
    ]);
    expect(sum).toBe(5);
    expect(nothing).toBeUndefined();
    expect(turns).toHaveLength(30_000);
    expect(turns[29_999]).toEqual({ at: 29_999, text: 'turn 29999' });
  });

  test('of bytes is an array of bytes with a buffer of its own', async () => {
    const bytes = await client.call('bytes', [100]);
    expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
    expect(bytes).toEqual(new Uint8Array(100).fill(7));
    expect(bytes.buffer.byteLength).toBe(100);
  });

  test('that fails, fails with the same error', async () => {
    const error = await client.call('missing', []).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ message: 'Not there.', hint: 'Look elsewhere.', details: { path: '/x' } });
  });

  test('that can’t cross is an error, and so is an unknown task; the next task works', async () => {
    await expect(client.call('unclonable', [])).rejects.toThrow('could not be cloned');
    await expect(client.call('constructor' as 'add', [1, 1])).rejects.toThrow('a task that it does not know');
    expect(await client.call('add', [1, 1])).toBe(2);
  });

  test('that is called off rejects at once and aborts the task', async () => {
    const stop = new AbortController();
    const waiting = client.call('forever', ['first'], stop.signal);
    await client.call('add', [0, 0]);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await until(() => seen.aborted.length > 0);
    expect(seen.aborted).toEqual(['first']);
  });

  test('that was called off before is never asked for', async () => {
    await expect(client.call('forever', ['x'], AbortSignal.abort(new Error('no')))).rejects.toThrow('no');
    await client.call('add', [0, 0]);
    expect(seen.aborted).toEqual([]);
  });
});

describe('many values', () => {
  test('come in order', async () => {
    const got = await all(client.iterate('count', [1000]));
    expect(got.map(({ at }) => at)).toEqual(Array.from({ length: 1000 }, (_, at) => at));
  });

  test('are made as they are taken, and no longer when the taker leaves', async () => {
    for await (const { at } of client.iterate('count', [100_000])) if (at === 10) break;
    await until(() => seen.left.length > 0);
    // A page holds some 200 of them.
    expect(seen.made).toBeLessThan(1000);
  });

  test('come before an error that ends them', async () => {
    const got: number[] = [];
    const failing = (async () => {
      for await (const value of client.iterate('thenFail', [])) got.push(value);
    })();
    await expect(failing).rejects.toThrow('No third.');
    expect(got).toEqual([1, 2]);
  });

  test('come as soon as they are there', async () => {
    const gate = new SharedArrayBuffer(4);
    const values = client.iterate('slow', [gate]);
    expect(await values.next()).toEqual({ done: false, value: 'first' });
    Atomics.store(new Int32Array(gate), 0, 1);
    expect(await values.next()).toEqual({ done: false, value: 'second' });
    expect(await values.next()).toEqual({ done: true, value: undefined });
  });

  test('end when they are called off', async () => {
    const stop = new AbortController();
    const values = client.iterate('slow', [new SharedArrayBuffer(4)], stop.signal);
    await values.next();
    const next = values.next();
    stop.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    await until(() => seen.aborted.length > 0);
  });
});

test('when the other side has ended, all that waits fails with the reason, and so does what is asked later', async () => {
  const gone = new ReaderEndedError('It ended.', 'Again.');
  const values = client.iterate('slow', [new SharedArrayBuffer(4)]);
  await values.next();
  const waiting = [client.call('forever', ['x']), values.next()];
  client.close(gone);
  expect(await Promise.allSettled(waiting)).toMatchObject([{ reason: gone }, { reason: gone }]);
  await expect(client.call('add', [1, 1])).rejects.toBe(gone);
});
