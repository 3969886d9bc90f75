import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  absoluteTime,
  duration,
  firstOf,
  listed,
  messageWithHint,
  modelName,
  money,
  moneyRange,
  oneLine,
  plural,
  relativeTime,
  tokenCount,
} from '../../../src/core/format.ts';

describe('modelName', () => {
  it.each([
    ['claude-haiku-4-5-20251001', 'Haiku 4.5'],
    ['claude-opus-4-5', 'Opus 4.5'],
    ['claude-sonnet-4-20250514', 'Sonnet 4'],
    ['claude-3-5-sonnet-20241022', 'Sonnet 3.5'],
    ['claude-3-5-sonnet-latest', 'Sonnet 3.5'],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'Sonnet 4.5'],
    ['claude-sonnet-4-5@20250929', 'Sonnet 4.5'],
    ['claude-sonnet-4-5[1m]', 'Sonnet 4.5 1M'],
    ['gpt-x', 'gpt-x'],
    ['<synthetic>', '<synthetic>'],
    ['claude-5', 'claude-5'],
  ])('%s → %s', (id, name) => expect(modelName(id)).toBe(name));

  it('says unknown for null', () => expect(modelName(null)).toBe('unknown model'));
});

describe('numbers', () => {
  it.each([
    [0, '0'],
    [212, '212'],
    [1200, '1.2k'],
    [2000, '2k'],
    [12_516, '12.5k'],
    [99_960, '100k'],
    [125_400, '125k'],
    [999_600, '1M'],
    [1_240_000, '1.2M'],
  ])('tokenCount(%d) = %s', (tokens, text) => expect(tokenCount(tokens)).toBe(text));

  it.each([
    [null, 'unknown'],
    [0, '$0.00'],
    [0.001, '<$0.01'],
    [0.04, '$0.04'],
    [12.345, '$12.35'],
  ])('money(%s) = %s', (usd, text) => expect(money(usd)).toBe(text));

  it('writes ranges', () => {
    expect(moneyRange(null)).toBe('unknown cost');
    expect(moneyRange({ low: 0.06, high: 0.11 })).toBe('$0.06–0.11');
    expect(moneyRange({ low: 0.061, high: 0.062 })).toBe('$0.06');
    expect(moneyRange({ low: 0.001, high: 0.11 })).toBe('up to $0.11');
    expect(moneyRange({ low: 0, high: 0 })).toBe('$0.00');
  });

  it('counts', () => {
    expect(plural(1, 'branch', 'branches')).toBe('1 branch');
    expect(plural(1204, 'turn')).toBe('1,204 turns');
    expect([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map((words) => listed(words, 'or'))).toEqual([
      '',
      'a',
      'a or b',
      'a, b or c',
    ]);
    expect([firstOf([1, 2], 2), firstOf(['a', 'b', 'c'], 2)]).toEqual(['1, 2', 'a, b, …']);
    expect(['0', '999', '1,000', '1,234,567']).toEqual(
      [0, 999, 1000, 1_234_567].map((count) => plural(count, '').trim().replace(/s$/, '').trim()),
    );
  });
});

describe('times', () => {
  it.each([
    [400, '0.4 s'],
    [8_000, '8 s'],
    [59_600, '1 min'],
    [65_000, '1 min 5 s'],
    [7_380_000, '2 h 3 min'],
  ])('duration(%d) = %s', (ms, text) => expect(duration(ms)).toBe(text));

  const now = Date.parse('2026-11-20T12:00:00Z');
  it.each([
    ['2026-11-20T12:00:05Z', 'now'],
    ['2026-11-20T11:55:00Z', '5 min'],
    ['2026-11-20T10:00:00Z', '2 h'],
    ['2026-11-17T12:00:00Z', '3 d'],
    ['2026-11-05T12:00:00Z', '2 wk'],
    ['2026-06-20T12:00:00Z', '5 mo'],
    ['2025-11-01T12:00:00Z', '1 yr'],
    ['not a time', 'unknown time'],
    [null, 'unknown time'],
  ])('relativeTime(%s) = %s', (iso, text) => expect(relativeTime(iso, now)).toBe(text));

  it('absoluteTime', () => {
    expect(absoluteTime('2026-11-20T10:15:00.123Z')).toBe('2026-11-20 10:15:00 UTC');
    expect(absoluteTime(null)).toBe('unknown');
  });
});

describe('oneLine', () => {
  it('folds white space and cuts whole characters', () => {
    expect(oneLine('a\n\n b\tc ')).toBe('a b c');
    expect(oneLine('👍👍👍👍', 3)).toBe('👍👍…');
  });

  it('is always one short line without controls', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.integer({ min: 2, max: 60 }), (text, max) => {
        const line = oneLine(text, max);
        expect(Array.from(line).length).toBeLessThanOrEqual(max);
        expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
        expect(line.isWellFormed()).toBe(true);
      }),
    );
  });
});

describe('messageWithHint', () => {
  it.each([
    ['No key', 'Set one.', 'No key. Set one.'],
    ['No key.', 'Set one.', 'No key. Set one.'],
    ['Is it there?', '', 'Is it there?'],
    ['Said “no”', 'Ask again.', 'Said “no”. Ask again.'],
  ])('%j, %j', (message, hint, said) => expect(messageWithHint({ message, hint })).toBe(said));
});
