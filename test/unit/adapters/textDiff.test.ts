import { applyPatch } from 'diff';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { textDiff } from '../../../src/adapters/textDiff.ts';

const names = { a: 'recorded', b: 'cheaper' };
const text = fc.array(fc.constantFrom('one', 'two', 'three', ''), { maxLength: 12 }).map((lines) => lines.join('\n'));

describe('the text diff', () => {
  it('gives a patch that makes the second text of the first, and counts the lines that both have', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const { patch, commonLines } = textDiff(a, b, names);
        expect(patch === null ? null : applyPatch(a, patch)).toBe(b);
        expect(commonLines).toBeGreaterThanOrEqual(0);
        expect(commonLines).toBeLessThanOrEqual(Math.min(a.split('\n').length, b.split('\n').length));
      }),
    );
    expect(textDiff('a\nb\nc\n', 'a\nx\nc\n', names)).toEqual({
      patch: '--- recorded\n+++ cheaper\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n',
      commonLines: 2,
    });
  });

  it('gives up on texts that are too different to diff in time', () => {
    const lines = (seed: number) =>
      Array.from({ length: 60_000 }, (_, index) => `${(index * seed) % 99_991}`).join('\n');
    expect(textDiff(lines(7), lines(13), names)).toEqual({ patch: null, commonLines: null });
  });
});
