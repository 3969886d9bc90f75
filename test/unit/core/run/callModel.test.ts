import { describe, expect, it } from 'vitest';
import type { StoredReply } from '../../../../src/core/api/storedReply.ts';
import { ModelCallError } from '../../../../src/core/errors.ts';
import { branchIdSchema } from '../../../../src/core/ids.ts';
import type { CallGate } from '../../../../src/core/run/callGate.ts';
import { callModel, type ModelCall } from '../../../../src/core/run/callModel.ts';
import type { ModelClient } from '../../../../src/core/run/ports.ts';
import type { ResultCache } from '../../../../src/core/run/resultCache.ts';
import { ManualClock, MemoryBlobs, MemoryLog } from '../../../support/memoryStores.ts';
import { request, runId } from '../../../support/plans.ts';

const reply: StoredReply = {
  content: [{ type: 'text', text: 'Hello there' }],
  model: 'm',
  stopReason: 'end_turn',
  usage: { inputTokens: 10, outputTokens: 2, cacheReadTokens: 0, cacheWriteTokens: 0 },
  requestId: 'req_1',
};

async function world(stream: ModelClient['stream']) {
  const blobs = new MemoryBlobs();
  const log = new MemoryLog();
  const clock = new ManualClock();
  const call: ModelCall = {
    runId,
    branchId: branchIdSchema.parse('b1'),
    provider: 'anthropic',
    step: 1,
    turn: 2,
    request: await blobs.put({ request: request(), betas: ['beta-1'] }),
  };
  const deps = {
    blobs,
    runs: log as never,
    clock,
    models: async () => ({ stream, listModels: async () => [] }),
    prices: { cost: () => 0.01 },
  };
  return { blobs, log, clock, call, deps };
}

const types = (log: MemoryLog) => log.logged.map((event) => event.type);

describe('callModel', () => {
  it('sends the stored request and keeps the reply by reference', async () => {
    const seen: unknown[] = [];
    const w = await world(async (body, betas, { onEvent }) => {
      seen.push(body, betas);
      onEvent({ type: 'first-token' });
      onEvent({ type: 'text', text: 'Hello there' });
      return reply;
    });
    let released = 0;
    const result = await callModel(w.call, w.deps, {
      signal: new AbortController().signal,
      attempt: 1,
      onFirstToken: () => released++,
    });
    expect(seen).toEqual([request(), ['beta-1']]);
    expect(released).toBe(1);
    expect(await w.blobs.get(result.reply)).toEqual(reply);
    expect(result).toMatchObject({ step: 1, turn: 2, stopReason: 'end_turn', toolCalls: 0, costUsd: 0.01 });
    expect(types(w.log)).toEqual(['request-sent', 'first-token', 'text-delta', 'step-completed']);
  });

  it('counts what the offline demo model answers as free', async () => {
    const w = await world(async () => reply);
    const signal = new AbortController().signal;
    expect((await callModel({ ...w.call, provider: 'demo' }, w.deps, { signal, attempt: 1 })).costUsd).toBe(0);
  });

  it('gathers streamed text into few events without losing any', async () => {
    const w = await world(async (_body, _betas, { onEvent }) => {
      for (let index = 0; index < 1000; index++) {
        onEvent({ type: 'text', text: `${index} ` });
        w.clock.advance(1);
      }
      return reply;
    });
    await callModel(w.call, w.deps, { signal: new AbortController().signal, attempt: 1 });
    const deltas = w.log.logged.flatMap((event) => (event.type === 'text-delta' ? [event.text] : []));
    expect(deltas.length).toBeLessThan(10);
    expect(deltas.join('')).toBe(Array.from({ length: 1000 }, (_, index) => `${index} `).join(''));
  });

  it('keeps what was received when the stream breaks', async () => {
    const w = await world(async (_body, _betas, { onEvent }) => {
      onEvent({ type: 'text', text: 'Hel' });
      onEvent({ type: 'text', text: 'lo' });
      throw new Error('cut');
    });
    await expect(callModel(w.call, w.deps, { signal: new AbortController().signal, attempt: 1 })).rejects.toThrow(
      'cut',
    );
    const text = w.log.logged.flatMap((event) => (event.type === 'text-delta' ? [event.text] : [])).join('');
    expect(text).toBe('Hello');
    expect(types(w.log)).not.toContain('step-completed');
  });

  it('returns a step that an earlier try completed, without asking again', async () => {
    let asked = 0;
    const w = await world(async () => {
      asked++;
      return reply;
    });
    const first = await callModel(w.call, w.deps, { signal: new AbortController().signal, attempt: 1 });
    const again = await callModel(w.call, w.deps, { signal: new AbortController().signal, attempt: 2 });
    expect(again).toEqual(first);
    expect(asked).toBe(1);
  });

  it('says so when it asks again after a request that was never answered', async () => {
    const w = await world(async () => reply);
    await w.log.append({
      type: 'request-sent',
      runId,
      branchId: w.call.branchId,
      at: '2026-01-01T00:00:00.000Z',
      step: 1,
      attempt: 1,
    });
    await callModel(w.call, w.deps, { signal: new AbortController().signal, attempt: 2 });
    expect(types(w.log)).toEqual(['request-sent', 'retrying', 'request-sent', 'step-completed']);
    expect(w.log.logged[1]).toMatchObject({ billing: 'unknown', error: { code: 'worker_lost' } });
  });

  describe('at the gate', () => {
    const failure = (kind: 'rate_limited' | 'overloaded' | 'server_error', retryAfterMs: number | null) =>
      new ModelCallError(kind, 'No.', 'Wait.', {
        status: 429,
        retryAfterMs,
        mayBeBilled: false,
        partialText: '',
        requestId: null,
      });

    /** A gate that notes who comes and goes. */
    async function gated(stream: ModelClient['stream'], cache?: ResultCache) {
      const seen: unknown[] = [];
      const w = await world(stream);
      const gate: CallGate = {
        async enter(calls) {
          seen.push(calls);
          return { pause: async (ms) => void seen.push(`pause ${ms}`), leave: async () => void seen.push('left') };
        },
      };
      return { ...w, seen, deps: { ...w.deps, gate, ...(cache !== undefined && { cache }) } };
    }
    const calls = { provider: 'anthropic', model: request().model };

    it('enters with its model, and leaves when the reply is there', async () => {
      const w = await gated(async () => reply);
      let sent = 0;
      await callModel(w.call, w.deps, { signal: new AbortController().signal, attempt: 1, onSent: () => sent++ });
      expect([w.seen, sent]).toEqual([[calls, 'left'], 1]);
    });

    it.each([
      ['rate_limited', 7_000, 1, ['pause 7000']],
      // Nobody says for how long: as long as the first pause of the table at least, then longer.
      ['rate_limited', null, 1, ['pause 500']],
      ['rate_limited', null, 5, ['pause 8000']],
      ['rate_limited', 86_400_000, 1, ['pause 300000']],
      ['overloaded', 7_000, 1, ['pause 7000']],
      ['overloaded', null, 1, []],
      ['overloaded', 0, 1, []],
      ['server_error', 7_000, 1, []],
    ] as const)('after %s with %j in try %i holds back the others: %j', async (kind, retryAfterMs, attempt, pauses) => {
      const error = failure(kind, retryAfterMs);
      const w = await gated(() => Promise.reject(error));
      const signal = new AbortController().signal;
      await expect(callModel(w.call, w.deps, { signal, attempt })).rejects.toBe(error);
      expect(w.seen).toEqual([calls, ...pauses, 'left']);
    });

    it('sends nothing where it is cancelled there', async () => {
      const cancelled = new AbortController();
      const w = await gated(async () => reply);
      const { gate } = w.deps;
      const enter: CallGate['enter'] = async (...given) => {
        cancelled.abort(new Error('cancelled'));
        return gate.enter(...given);
      };
      const deps = { ...w.deps, gate: { enter } };
      await expect(callModel(w.call, deps, { signal: cancelled.signal, attempt: 1 })).rejects.toThrow('cancelled');
      expect([w.seen, types(w.log)]).toEqual([[calls, 'left'], []]);
    });

    it('passes none for an answer of an earlier run', async () => {
      const cache: ResultCache = { get: async () => ({ reply, costUsd: 0.01 }), put: async () => {} };
      const w = await gated(() => expect.unreachable('It was asked.'), cache);
      const call = { ...w.call, cache: { read: true, repeat: 1, maxAgeMs: 1, maxBytes: 1 } };
      await callModel(call, w.deps, { signal: new AbortController().signal, attempt: 1 });
      expect(w.seen).toEqual([]);
    });
  });

  it('fails where its log can not be written', async () => {
    const w = await world(async () => reply);
    const broken = { ...w.deps, runs: { append: async () => Promise.reject(new Error('disk full')) } as never };
    await expect(callModel(w.call, broken, { signal: new AbortController().signal, attempt: 1 })).rejects.toThrow(
      'disk full',
    );
  });
});
