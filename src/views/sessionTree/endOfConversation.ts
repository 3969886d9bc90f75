import { NotFoundError } from '../../core/errors.ts';
import type { ForkPoint } from '../../core/fork/forkRequest.ts';
import type { RecordedSession } from '../../core/session/recordedSession.ts';

/**
 * Where a fork of the whole conversation cuts: after the last reply of the active branch that needs no tool result, so
 * that a new prompt may follow; else before the last turn.
 * @throws NotFoundError where there is no turn
 */
export function endOfConversation(session: RecordedSession): ForkPoint {
  const active = session.turns.filter((turn) => turn.active);
  const last = active.at(-1);
  if (last === undefined) {
    throw new NotFoundError('This session has no turns to fork.', 'Choose another session.');
  }
  const reply = last.steps.at(-1);
  const uuid = reply?.uuids.at(-1);
  const finished = reply !== undefined && reply.toolCalls.length === 0 && reply.error === null && !last.interrupted;
  return finished && uuid !== undefined ? { after: uuid } : { turn: last.index };
}
