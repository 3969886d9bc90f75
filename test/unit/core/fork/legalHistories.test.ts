import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ForkPointError, NotFoundError } from '../../../../src/core/errors.ts';
import type { ForkPoint } from '../../../../src/core/fork/forkRequest.ts';
import { createSessionRequests } from '../../../../src/core/fork/sessionRequests.ts';
import { parseTranscript } from '../../../../src/core/session/parseTranscript.ts';
import { buildSession } from '../../../../src/core/session/turnTree.ts';
import { checkAlternating, checkLegal } from '../../../support/checkLegal.ts';
import { anyOddSession, anySession, anySharedSession, type RandomSession } from '../../../support/randomSession.ts';
import { sha256 } from '../../../support/transcript.ts';

/** How many places of a session were forked, and how many refused; every fork must be legal. */
function forkEverywhere({ bytes, sessionId }: RandomSession): { forked: number; refused: number } {
  const transcript = parseTranscript(bytes);
  const tree = buildSession(transcript, {
    sessionId,
    file: '/s.jsonl',
    bytes: bytes.length,
    customTitle: null,
    subagents: [],
  });
  const requests = createSessionRequests(tree, transcript, [], sha256);
  const points: ForkPoint[] = [
    ...tree.session.turns.map(({ index }) => ({ turn: index })),
    ...[...tree.messages()].flatMap(({ uuid }) => [{ before: uuid }, { after: uuid }]),
  ];
  const counts = { forked: 0, refused: 0 };
  for (const point of points) {
    try {
      const { rebuilt } = requests.forkAt(point);
      counts.forked += 1;
      if (rebuilt.request.messages.length > 0) checkLegal(rebuilt.request, JSON.stringify(point));
      checkAlternating(rebuilt.request, JSON.stringify(point));
      const made = JSON.stringify(rebuilt.request.messages);
      for (const { toolUseId, content } of rebuilt.completed) {
        expect(made).toContain(JSON.stringify(toolUseId));
        expect(made).toContain(content);
      }
      expect(rebuilt.prefix.messages.total).toBe(rebuilt.request.messages.length);
      expect(rebuilt.prefix.messages.equal).toBeLessThanOrEqual(rebuilt.request.messages.length);
    } catch (error) {
      if (!(error instanceof ForkPointError) && !(error instanceof NotFoundError)) throw error;
      expect(error.hint).not.toBe('');
      counts.refused += 1;
    }
  }
  return counts;
}

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
