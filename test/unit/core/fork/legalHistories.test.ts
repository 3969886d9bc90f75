import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forkEverywhere } from '../../../support/forkProperties.ts';
import { anyOddSession, anySession, anySharedSession, type RandomSession } from '../../../support/randomSession.ts';

/** Checks every session and that the check had something to look at. */
function expectLegalForks(sessions: fc.Arbitrary<RandomSession>, numRuns: number): void {
  const sum = { forked: 0, refused: 0 };
  fc.assert(
    fc.property(sessions, (session) => {
      const { forked, refused } = forkEverywhere(session);
      sum.forked += forked;
      sum.refused += refused;
    }),
    { numRuns },
  );
  expect(sum.forked).toBeGreaterThan(numRuns);
  expect(sum.refused).toBeGreaterThan(numRuns / 4);
}

describe('every fork of a random session is legal or refused with a hint', () => {
  it('of one that one process wrote', () => expectLegalForks(anySession(20), 200));
  it('of one that two processes wrote at once', () => expectLegalForks(anySharedSession(10), 100));
  it('of one with odd records', () => expectLegalForks(anyOddSession(), 200));
});
