import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { BadInputError } from '../../../../src/core/errors.ts';
import { answerCall, type PanelMethods } from '../../../../src/views/forkPanel/answerCall.ts';
import { hostMessageSchema, methods } from '../../../../src/views/forkPanel/protocol.ts';

/** Every method answers with what it was given; none of them may be reached by a malformed message. */
function handlers(): PanelMethods {
  const entries = Object.keys(methods).map((method) => [
    method,
    vi.fn<(params: unknown) => Promise<unknown>>(async (params) => params),
  ]);
  return Object.fromEntries(entries) as unknown as PanelMethods;
}

test('a good call reaches its method and gets one answer', async () => {
  const answer = await answerCall({ id: 7, method: 'rows', params: { start: 0, count: 40 } }, handlers());
  expect(answer).toEqual({ id: 7, result: { start: 0, count: 40 } });
});

test.each([
  ['nothing', undefined],
  ['text', 'open'],
  ['an array', []],
  ['no id', { method: 'open', params: {} }],
  ['a negative id', { id: -1, method: 'models', params: {} }],
  ['an unknown method', { id: 1, method: 'rm', params: {} }],
  ['a method of Object.prototype', { id: 1, method: 'constructor', params: {} }],
  ['extra members', { id: 1, method: 'models', params: {}, also: 1 }],
  ['no parameters', { id: 1, method: 'rows' }],
  ['wrong parameters', { id: 1, method: 'rows', params: { start: 'a', count: 40 } }],
  ['a page that is too large', { id: 1, method: 'rows', params: { start: 0, count: 1_000_000 } }],
  ['extra parameters', { id: 1, method: 'openLink', params: { href: 'https://x', also: 1 } }],
  ['a run id that is a path', { id: 1, method: 'retry', params: { runId: '../../etc' } }],
])('a message with %s is rejected with a reason, and no method is called', async (_what, message) => {
  const all = handlers();
  const answer = await answerCall(message, all);
  expect(answer).toMatchObject({ error: { code: 'bad_input', hint: expect.stringContaining('kept') } });
  for (const handler of Object.values(all)) expect(handler).not.toHaveBeenCalled();
});

test('the id of a malformed message is given back where it has one', async () => {
  expect(await answerCall({ id: 3, method: 'nope' }, handlers())).toMatchObject({ id: 3 });
  for (const id of ['x', -1, 1.5, 2 ** 53]) {
    expect(await answerCall({ id, method: 'nope' }, handlers())).toMatchObject({ id: null });
  }
});

test('errors carry message and hint; unforeseen ones lead to the log', async () => {
  const failing = {
    ...handlers(),
    models: async () => Promise.reject(new BadInputError('No such thing.', 'Try another.')),
  };
  const call = { id: 1, method: 'models', params: {} };
  expect(await answerCall(call, failing)).toEqual({
    id: 1,
    error: { code: 'bad_input', message: 'No such thing.', hint: 'Try another.' },
  });
  const broken = { ...handlers(), models: async () => Promise.reject(new TypeError('x is undefined')) };
  expect(await answerCall(call, broken)).toMatchObject({
    error: { code: 'internal', message: expect.stringContaining('x is undefined') },
  });
});

test('whatever arrives, there is exactly one well-formed answer', async () => {
  const parts = fc.record(
    {
      id: fc.anything(),
      method: fc.oneof(fc.constantFrom(...Object.keys(methods)), fc.anything()),
      params: fc.anything(),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(fc.oneof(parts, fc.anything()), async (message) => {
      expect(hostMessageSchema.safeParse(await answerCall(message, handlers())).success).toBe(true);
    }),
  );
});
