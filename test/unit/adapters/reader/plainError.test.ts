import { expect, test } from 'vitest';
import { fromPlainError, toPlainError } from '../../../../src/adapters/reader/plainError.ts';
import * as errors from '../../../../src/core/errors.ts';

/** There and back, as a message to another thread goes. */
function crossed(thrown: unknown): Error {
  return fromPlainError(structuredClone(toPlainError(thrown)));
}

const ours = [
  errors.BadInputError,
  errors.NotFoundError,
  errors.ForkPointError,
  errors.EncryptionError,
  errors.EngineUnavailableError,
  errors.NotConfirmedError,
  errors.RunOwnedError,
  errors.InterruptedError,
  errors.PlaceError,
  errors.SetupError,
  errors.AgentError,
  errors.StorageError,
  errors.ReaderEndedError,
];

test('every class of ours but that of a model call is known', () => {
  const concrete = Object.values(errors).filter(
    (value) => typeof value === 'function' && value.prototype instanceof errors.ForkpointError,
  );
  expect(new Set(concrete)).toEqual(new Set([...ours, errors.ModelCallError]));
});

test.each(ours.map((made) => [made.name, made] as const))('%s stays what it is', (_name, Made) => {
  const thrown = new Made('Not this.', 'Try that.', { path: '/a', lines: [1, null] }, { cause: new Error('why') });
  const got = crossed(thrown);
  expect(got).toBeInstanceOf(Made);
  expect(got).toMatchObject({ code: thrown.code, exitCode: thrown.exitCode, name: thrown.name, stack: thrown.stack });
  expect((got as errors.ForkpointError).toJSON()).toEqual(thrown.toJSON());
  expect(got.cause).toMatchObject({ message: 'why' });
});

test('a failed model call keeps what the retry policy asks for', () => {
  const facts = { status: 529, retryAfterMs: 1000, mayBeBilled: true, partialText: 'so far', requestId: 'req_1' };
  const got = crossed(new errors.ModelCallError('overloaded', 'Too busy.', 'Wait.', facts));
  expect(got).toBeInstanceOf(errors.ModelCallError);
  expect(got).toMatchObject({ kind: 'overloaded', code: 'overloaded', facts, hint: 'Wait.', exitCode: 4 });
});

test('errors of the system keep their code, others their name', () => {
  expect(crossed(Object.assign(new Error('no such file'), { code: 'ENOENT' }))).toMatchObject({ code: 'ENOENT' });
  expect(crossed(new RangeError('too far'))).toMatchObject({ name: 'RangeError', message: 'too far' });
});

test('what is no error becomes one, and an error that is its own cause ends', () => {
  expect(crossed('words')).toMatchObject({ message: 'words' });
  const own = new Error('round');
  own.cause = own;
  expect(crossed(own)).toMatchObject({ message: 'round', cause: { message: 'round' } });
});
