import { describe, expect, it } from 'vitest';
import { ModelCallError, SetupError, StorageError } from '../../../../src/core/errors.ts';
import {
  fromCallFailure,
  mayAskAgain,
  toCallFailure,
  withFailureWords,
  withoutFailureWords,
} from '../../../../src/core/run/callFailure.ts';
import { failureOf } from '../../../../src/core/run/runPlan.ts';
import { MemoryBlobs } from '../../../support/memoryStores.ts';

const facts = { status: 429, retryAfterMs: 1500, mayBeBilled: false, partialText: 'what came', requestId: 'req_1' };

describe('a call failure', () => {
  it('comes back as the error that it was, without what was received', async () => {
    const thrown = new ModelCallError('rate_limited', 'Too many requests.', 'Wait.', facts);
    const failure = await toCallFailure(thrown, new MemoryBlobs());
    expect(JSON.stringify(failure)).not.toContain('what came');
    const error = fromCallFailure(structuredClone(failure));
    expect(error).toBeInstanceOf(ModelCallError);
    expect(error).toMatchObject({ kind: 'rate_limited', code: 'rate_limited', facts: { ...facts, partialText: '' } });
  });

  it.each([
    new ModelCallError('bad_request', 'messages.3: secret', 'Change secret.', facts),
    new SetupError('The set-up command "secret" failed.', 'Look at secret.', { command: 'secret' }),
    new TypeError('secret'),
  ])('travels without words, and is told with them: $name', async (thrown) => {
    const blobs = new MemoryBlobs();
    const failure = await toCallFailure(thrown, blobs);
    const relayed = fromCallFailure(failure);
    const travelling = failureOf(relayed);
    for (const sent of [failure, relayed.toJSON(), travelling]) {
      expect(JSON.stringify(sent)).not.toContain('secret');
    }
    expect(await withFailureWords(travelling, blobs)).toEqual(JSON.parse(JSON.stringify(failureOf(thrown))));
  });

  it('of a turn that ended travels without words too', async () => {
    const blobs = new MemoryBlobs();
    const failure = { code: 'agent', message: 'It said: secret', hint: 'Ask secret.' };
    const sent = await withoutFailureWords(failure, blobs);
    expect(JSON.stringify(sent)).not.toContain('secret');
    expect(await withFailureWords(sent, blobs)).toEqual(failure);
  });

  it('keeps its code where its words can’t be stored, or are gone', async () => {
    const full = { put: () => Promise.reject(new StorageError('The disk is full.', 'Make room.')) };
    const failure = await toCallFailure(new SetupError('No.', 'Look.'), full);
    expect(failure).toEqual({ code: 'setup_failed', words: null, model: null });
    const told = { code: 'setup_failed', message: expect.stringMatching(/\w/), hint: expect.stringMatching(/\w/) };
    expect(await withFailureWords(failureOf(fromCallFailure(failure)), new MemoryBlobs())).toEqual(told);
    const kept = await toCallFailure(new SetupError('No.', 'Look.'), new MemoryBlobs());
    expect(await withFailureWords(failureOf(fromCallFailure(kept)), new MemoryBlobs())).toEqual(told);
  });

  it('leaves a failure that has its words as it is', async () => {
    const failure = { code: 'timeout', message: 'Too long.', hint: 'Longer.', details: { command: 'x' } };
    expect(await withFailureWords(failure, new MemoryBlobs())).toBe(failure);
  });

  it('is asked again only where that can’t be billed twice', () => {
    const of = (kind: 'rate_limited' | 'bad_request' | 'server_error', mayBeBilled = false) =>
      mayAskAgain(new ModelCallError(kind, '', '', { ...facts, mayBeBilled }));
    expect(of('rate_limited')).toBe(true);
    expect(of('server_error')).toBe(true);
    expect(of('server_error', true)).toBe(false);
    expect(of('bad_request')).toBe(false);
    expect(mayAskAgain(new StorageError('', ''))).toBe(false);
  });
});
