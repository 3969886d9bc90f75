import { describe, expect, it } from 'vitest';
import {
  aboutToBeLost,
  daysUntilLost,
  expiryOf,
  goesText,
  retentionDays,
} from '../../../../src/core/archive/retention.ts';

const day = 24 * 60 * 60 * 1000;
const now = Date.parse('2026-11-20T12:00:00Z');

describe('retentionDays', () => {
  it.each([
    [null, 30],
    [[], 30],
    ['text', 30],
    [{}, 30],
    [{ cleanupPeriodDays: 1 }, 1],
    [{ cleanupPeriodDays: 3650 }, 3650],
    [{ cleanupPeriodDays: 0 }, null],
    [{ cleanupPeriodDays: -1 }, null],
    [{ cleanupPeriodDays: 1.5 }, null],
    [{ cleanupPeriodDays: null }, null],
    [{ cleanupPeriodDays: '30' }, null],
  ])('of %j is %j', (settings, days) => expect(retentionDays(settings)).toBe(days));
});

describe('expiryOf', () => {
  it.each([
    ['2026-11-01T00:00:00.000Z', 30, '2026-12-01T00:00:00.000Z'],
    [null, 30, null],
    ['2026-11-01T00:00:00.000Z', null, null],
    ['what?', 30, null],
    ['2026-11-01T00:00:00.000Z', Number.MAX_SAFE_INTEGER, null],
  ])('of %j and %j days is %j', (modifiedAt, days, at) => expect(expiryOf(modifiedAt, days)).toBe(at));
});

describe('daysUntilLost', () => {
  const session = { kept: false, archived: false };
  const inDays = (days: number) => ({ ...session, expiresAt: new Date(now + days * day).toISOString() });

  it.each([
    [30, null],
    [5, null],
    [4.99, 4],
    [1.5, 1],
    [0.5, 0],
    [-3, 0],
  ])('warns %j days before: %j', (days, left) => expect(daysUntilLost(inDays(days), now)).toBe(left));

  it('is silent where a copy is kept, where the copy is what is shown, and where nothing is known', () => {
    expect(daysUntilLost({ ...inDays(1), kept: true }, now)).toBeNull();
    expect(daysUntilLost({ ...inDays(1), archived: true }, now)).toBeNull();
    expect(daysUntilLost({ ...session, expiresAt: null }, now)).toBeNull();
  });
});

describe('aboutToBeLost', () => {
  it('finds those that daysUntilLost warns of', () => {
    const days = [-40, -1, 0, 0.001, 1, 4.999, 5, 5.001, 400];
    const sessions = days.flatMap((at) =>
      [false, true].map((kept) => ({ at, kept, archived: false, expiresAt: new Date(now + at * day).toISOString() })),
    );
    const unknown = { at: 0, kept: false, archived: false, expiresAt: null };
    expect(aboutToBeLost([...sessions, unknown], now)).toEqual(
      sessions.filter((session) => daysUntilLost(session, now) !== null),
    );
    expect(aboutToBeLost(sessions, now).map(({ at }) => at)).toEqual([-40, -1, 0, 0.001, 1, 4.999]);
  });
});

it('goesText counts as people do', () => {
  expect([0, 1, 2].map(goesText)).toEqual(['goes today', 'goes tomorrow', 'goes in 2 days']);
});
