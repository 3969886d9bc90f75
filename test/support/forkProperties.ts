import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ForkPointError, NotFoundError } from '../../src/core/errors.ts';
import type { ForkPoint } from '../../src/core/fork/forkRequest.ts';
import { createSessionRequests } from '../../src/core/fork/sessionRequests.ts';
import { parseTranscript } from '../../src/core/session/parseTranscript.ts';
import { buildSession } from '../../src/core/session/turnTree.ts';
import { checkAlternating, checkLegal } from './checkLegal.ts';
import { anyOddSession, anySession, anySharedSession, type RandomSession } from './randomSession.ts';
import { sha256 } from './transcript.ts';

/** What must hold of every fork of every session. */
export const forkProperties: Record<string, () => fc.IRawProperty<unknown[]>> = {
  'every fork is legal or refused with a hint': () =>
    fc.property(fc.oneof(anySession(20), anySharedSession(10), anyOddSession()), (session) => {
      forkEverywhere(session);
    }),
};

/** How many places of a session were forked, and how many refused. @throws an error where a fork is not legal, or refused without a hint */
export function forkEverywhere({ bytes, sessionId }: RandomSession): { forked: number; refused: number } {
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
    const label = JSON.stringify(point);
    try {
      const { rebuilt } = requests.forkAt(point);
      counts.forked += 1;
      if (rebuilt.request.messages.length > 0) checkLegal(rebuilt.request, label);
      checkAlternating(rebuilt.request, label);
      const made = JSON.stringify(rebuilt.request.messages);
      for (const { toolUseId, content } of rebuilt.completed) {
        assert.ok(made.includes(JSON.stringify(toolUseId)), `${label}: ${toolUseId} is missing`);
        assert.ok(made.includes(content), `${label}: what completes ${toolUseId} is missing`);
      }
      const { equal, total } = rebuilt.prefix.messages;
      assert.equal(total, rebuilt.request.messages.length, label);
      assert.ok(equal <= total, `${label}: ${equal} of ${total} messages are equal`);
    } catch (error) {
      if (!(error instanceof ForkPointError) && !(error instanceof NotFoundError)) throw error;
      assert.notEqual(error.hint, '', label);
      counts.refused += 1;
    }
  }
  return counts;
}
