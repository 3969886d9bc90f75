import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sameData } from '../../../../src/adapters/reader/sameData.ts';

test('data is the same where nothing in it differs', () => {
  const value = fc.jsonValue({ maxDepth: 4 });
  fc.assert(
    fc.property(value, value, (a, b) => {
      expect(sameData(a, structuredClone(a))).toBe(true);
      expect(sameData(a, b)).toBe(isDeepStrictEqual(a, b));
      expect(sameData([a, { x: b }], [a, { x: a }])).toBe(isDeepStrictEqual(a, b));
    }),
  );
});

test.each([
  [[], {}],
  [{ a: undefined }, {}],
  [{ a: undefined }, { b: undefined }],
  [[1], [1, 2]],
  [null, {}],
])('%j is not %j', (a, b) => {
  expect(sameData(a, b)).toBe(false);
  expect(sameData(b, a)).toBe(false);
});
