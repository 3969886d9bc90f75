import type { StoredReply } from '../api/storedReply.ts';
import type { Baseline, RecordedAnswers, RecordedCall } from '../fork/forkPlan.ts';
import { recordedResults, toolUses } from '../run/advance.ts';

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
  answers: RecordedAnswers,
  end: { stopReason: string | null; unfinishedText: string },
): Trajectory {
  const steps: Trajectory['steps'] = [];
  let turn = -1;
  let made: ReturnType<typeof toolUses> = [];
  replies.forEach(({ turn: turnOfReply, reply }, index) => {
    if (turnOfReply !== turn) made = [];
    turn = turnOfReply;
    const recorded: RecordedCall[] = answers.turns.find((candidate) => candidate.turn === turn)?.calls ?? [];
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

/** Results of calls by their ids, as they really came. */
export type RealResults = Readonly<Record<string, NonNullable<TrajectoryCall['result']>>>;

/**
 * The course of a branch whose calls were really carried out.
 * @param rewrite gives back the recorded path where the branch worked at another one: two courses that differ in it only are
 * the same
 */
export function trajectoryOfAgent(
  replies: readonly { turn: number; reply: StoredReply }[],
  results: RealResults,
  end: { stopReason: string | null; unfinishedText: string },
  rewrite: (text: string) => string,
): Trajectory {
  const steps: Trajectory['steps'] = replies.map(({ turn, reply }) => ({
    turn,
    text: rewrite(textOf(reply.content)),
    calls: toolUses(reply.content).map(({ id, name, input }) => {
      const result = results[id];
      return {
        name,
        input: rewritten(input, rewrite),
        result: result === undefined ? null : { ...result, content: rewritten(result.content, rewrite) },
      };
    }),
  }));
  if (end.unfinishedText !== '')
    steps.push({ turn: replies.at(-1)?.turn ?? -1, text: rewrite(end.unfinishedText), calls: [] });
  return { steps, ends: end.stopReason };
}

function rewritten(value: unknown, rewrite: (text: string) => string): unknown {
  if (typeof value === 'string') return rewrite(value);
  if (Array.isArray(value)) return value.map((item) => rewritten(item, rewrite));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, rewritten(inner, rewrite)]));
}
