import type { Baseline, RecordedCall, Recording } from '../fork/forkPlan.ts';
import { recordedResults, toolUses } from '../run/advance.ts';
import type { StoredReply } from '../run/branchOutcome.ts';

/** A tool call with what answered it, null where nothing did. */
export interface TrajectoryCall {
  name: string;
  input: unknown;
  result: { content: unknown; isError: boolean } | null;
}

/** The course of a branch or of the recording, in the one form that both are compared in. */
export interface Trajectory {
  steps: { turn: number; text: string; calls: TrajectoryCall[] }[];
  /** Stop reason of the last reply, or ours; null where the course just stops. */
  ends: string | null;
}

type Content = StoredReply['content'];

const textOf = (content: Content) =>
  content
    .filter((block) => block.type === 'text')
    .map((block) => (typeof block['text'] === 'string' ? block['text'] : ''))
    .join('\n\n');

/** The recorded course from the fork point on. */
export function trajectoryOfBaseline(baseline: Baseline): Trajectory {
  return {
    steps: baseline.steps.map((step) => ({
      turn: step.turn,
      text: textOf(step.content),
      calls: toolUses(step.content).map(({ id, name, input }) => ({ name, input, result: step.results[id] ?? null })),
    })),
    ends: baseline.steps.at(-1)?.stopReason ?? null,
  };
}

/**
 * The course of a branch from its replies. What its calls were answered with is looked up in the recording again, by the
 * same rule that answered them.
 * @param answered whether the calls of the last step were answered
 */
export function trajectoryOfBranch(
  replies: readonly { turn: number; reply: StoredReply }[],
  recording: Recording,
  end: { stopReason: string | null; unfinishedText: string },
): Trajectory {
  const steps: Trajectory['steps'] = [];
  let turn = -1;
  let made: ReturnType<typeof toolUses> = [];
  replies.forEach(({ turn: turnOfReply, reply }, index) => {
    if (turnOfReply !== turn) made = [];
    turn = turnOfReply;
    const recorded: RecordedCall[] = recording.turns.find((candidate) => candidate.turn === turn)?.calls ?? [];
    const calls = toolUses(reply.content);
    const unanswered = index === replies.length - 1 && calls.length > 0;
    const results = unanswered ? calls.map(() => null) : recordedResults(recorded, made, calls);
    made = [...made, ...calls];
    steps.push({
      turn,
      text: textOf(reply.content),
      calls: calls.map(({ name, input }, at) => ({ name, input, result: results[at] ?? null })),
    });
  });
  if (end.unfinishedText !== '') steps.push({ turn, text: end.unfinishedText, calls: [] });
  return { steps, ends: end.stopReason };
}
