import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Assembly, type Piece, piecesOf } from '../../../../src/adapters/reader/pieces.ts';

function assembled(pieces: Iterable<Piece>): unknown[] {
  const assembly = new Assembly();
  const whole: unknown[] = [];
  for (const piece of pieces) {
    const value = assembly.add(structuredClone(piece));
    if (value !== null) whole.push(value.value);
  }
  return whole;
}

const plain = fc.jsonValue({ noUnicodeString: false, maxDepth: 6 });

test('whatever the size of the pieces, the value comes out as it went in', () => {
  fc.assert(
    fc.property(fc.array(plain, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 30 }), (values, most) => {
      const pieces = values.flatMap((value) => [...piecesOf(value, most)].map(({ piece }) => piece));
      expect(assembled(pieces)).toStrictEqual(structuredClone(values));
    }),
  );
});

test('no piece is heavier than allowed, but for what can’t be cut', () => {
  fc.assert(
    fc.property(plain, fc.integer({ min: 20, max: 60 }), (value, most) => {
      for (const { piece, weight } of piecesOf(value, most)) {
        const parts: unknown[] = piece.append ?? [piece.put?.value];
        const whole = parts.length === 1 && (typeof parts[0] !== 'object' || parts[0] === null);
        // The names of an object's members come at once.
        const names = typeof piece.put?.value === 'object' ? Object.keys(piece.put.value ?? {}).length : 0;
        expect(whole || weight <= most + names).toBe(true);
      }
    }),
  );
});

test('a long list comes in several pieces, and order and undefined members stay', () => {
  const value = { b: Array.from({ length: 500 }, (_, at) => ({ at, none: undefined })), a: 1 };
  const pieces = [...piecesOf(value, 100)];
  expect(pieces.length).toBeGreaterThan(10);
  const [got] = assembled(pieces.map(({ piece }) => piece));
  expect(got).toStrictEqual(value);
  expect(Object.keys(got as object)).toEqual(['b', 'a']);
});

test('a member named __proto__ is a member and nothing else', () => {
  const value = JSON.parse(`{"__proto__": ${JSON.stringify(Array.from({ length: 50 }, (_, at) => ({ at })))}, "x": 1}`);
  const [got] = assembled([...piecesOf(value, 10)].map(({ piece }) => piece)) as object[];
  expect(Object.keys(got ?? {})).toEqual(['__proto__', 'x']);
  expect(Object.getPrototypeOf(got)).toBe(Object.prototype);
  expect(JSON.stringify(got)).toBe(JSON.stringify(value));
});

test('bytes are one piece', () => {
  const pieces = [...piecesOf(new Uint8Array(1_000_000), 10)];
  expect(pieces).toHaveLength(1);
  expect(pieces[0]?.piece).toMatchObject({ path: [], last: true });
});
