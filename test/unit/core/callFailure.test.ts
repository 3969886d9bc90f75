import { describe, expect, it } from 'vitest';
import { ModelCallError, StorageError } from '../../../src/core/errors.ts';
import { fromCallFailure, mayAskAgain, toCallFailure } from '../../../src/core/run/callFailure.ts';

const facts = { status: 429, retryAfterMs: 1500, mayBeBilled: false, partialText: 'what came', requestId: 'req_1' };

describe('a call failure', () => {
  it('comes back as the error that it was, without what was received', () => {
    const failure = toCallFailure(new ModelCallError('rate_limited', 'Too many requests.', 'Wait.', facts));
    expect(JSON.stringify(failure)).not.toContain('what came');
    const error = fromCallFailure(structuredClone(failure));
    expect(error).toBeInstanceOf(ModelCallError);
    expect(error).toMatchObject({ kind: 'rate_limited', message: 'Too many requests.', hint: 'Wait.' });
    expect(error).toMatchObject({ facts: { ...facts, partialText: '' } });
  });

  it('keeps code, message and hint of other errors', () => {
    const error = fromCallFailure(toCallFailure(new StorageError('The disk is full.', 'Make room.')));
    expect(error).toMatchObject({ code: 'storage', message: 'The disk is full.', hint: 'Make room.' });
    expect(toCallFailure(new TypeError('oops'))).toMatchObject({ code: 'internal', message: 'oops', model: null });
  });

  it('is asked again only where that can’t be billed twice', () => {
    const of = (kind: 'rate_limited' | 'bad_request' | 'server_error', mayBeBilled = false) =>
      mayAskAgain(toCallFailure(new ModelCallError(kind, '', '', { ...facts, mayBeBilled })));
    expect(of('rate_limited')).toBe(true);
    expect(of('server_error')).toBe(true);
    expect(of('server_error', true)).toBe(false);
    expect(of('bad_request')).toBe(false);
    expect(mayAskAgain(toCallFailure(new StorageError('', '')))).toBe(false);
  });
});
