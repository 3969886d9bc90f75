import type { RequestMessage } from '../api/messagesRequest.ts';
import { type StoredReply, storedReplySchema } from '../api/storedReply.ts';
import type { BlobStore } from '../blobStore.ts';
import { canonicalJson } from '../canonicalJson.ts';
import type { Clock } from '../clock.ts';
import {
  type RecordedAnswers,
  type RecordedCall,
  recordedAnswersSchema,
  type StoredRequest,
  storedRequestSchema,
} from '../fork/forkPlan.ts';
import type { ToolPolicy } from '../fork/runChoices.ts';
import type { BlobRef, BranchId, RunId } from '../ids.ts';
import type { BranchToolCall } from './branchOutcome.ts';
import { type FollowUp, followUp } from './followUp.ts';
import type { RunStore } from './ports.ts';

export interface AdvanceInput {
  runId: RunId;
  branchId: BranchId;
  step: number;
  /** Index of the recorded turn the reply belongs to. */
  turn: number;
  /** The request that was answered. */
  request: BlobRef;
  reply: BlobRef;
  recording: BlobRef;
  tools: ToolPolicy;
}

/** What comes after a reply: another request, or the end of the branch. */
export type Advance =
  | { kind: 'continue'; request: BlobRef; turn: number }
  | { kind: 'end'; stopReason: string | null; divergedAtTurn: number | null };

interface AdvanceDeps {
  blobs: BlobStore;
  runs: Pick<RunStore, 'append'>;
  clock: Pick<Clock, 'now'>;
}

type Block = StoredReply['content'][number];

/** A `tool_use` block's parts, whatever else the API put into it. */
export interface ToolUse {
  id: string;
  name: string;
  input: unknown;
}

/** The tool calls of a reply or of a recorded step, in order. */
export function toolUses(content: readonly Block[]): ToolUse[] {
  return content
    .filter((block) => block.type === 'tool_use')
    .map((block) => ({ id: String(block['id']), name: String(block['name']), input: block['input'] }));
}

const keyOf = (call: { name: string; input: unknown }) => `${call.name} ${canonicalJson(call.input)}`;

/**
 * The recorded result of each call: the n-th call of a name and input gets the n-th recorded result of the same name and
 * input, and the last one again when the branch asks more often. Null where the turn has no such call or no result.
 * @param made calls that the branch made before in this turn
 */
export function recordedResults(
  recorded: readonly RecordedCall[],
  made: readonly ToolUse[],
  calls: readonly ToolUse[],
): RecordedCall['result'][] {
  const asked = new Map<string, number>();
  const next = (call: ToolUse) => {
    const key = keyOf(call);
    const count = asked.get(key) ?? 0;
    asked.set(key, count + 1);
    const same = recorded.filter((candidate) => candidate.result !== null && keyOf(candidate) === key);
    return same[Math.min(count, same.length - 1)]?.result ?? null;
  };
  made.forEach(next);
  return calls.map(next);
}

/**
 * Decides what follows a reply. Reads and writes bodies in the blob store, and logs how the calls were answered.
 * Nothing is executed: a call gets its recorded result or ends the branch.
 */
export async function advance(input: AdvanceInput, deps: AdvanceDeps): Promise<Advance> {
  const [request, reply, answers] = await Promise.all([
    deps.blobs.get(input.request).then((value) => storedRequestSchema.parse(value)),
    deps.blobs.get(input.reply).then((value) => storedReplySchema.parse(value)),
    deps.blobs.get(input.recording).then((value) => recordedAnswersSchema.parse(value)),
  ]);
  const calls = toolUses(reply.content);
  if (calls.length === 0 && reply.stopReason === 'pause_turn')
    return goOn(input, followUp(request, reply, { kind: 'pause' }), input.turn, deps);
  if (calls.length === 0) return endOfTurn(input, request, reply, answers, deps);

  const turn = recordedTurn(answers, input.turn);
  const made = callsOfTurn(request, answers, input.turn);
  const diverged = answers.strictOrder && !inRecordedOrder(turn.calls, made.length, calls);
  const results = input.tools === 'stop' || diverged ? calls.map(() => null) : recordedResults(turn.calls, made, calls);
  const answered = results.every((result) => result !== null);
  const shown: BranchToolCall[] = calls.map((call) => ({ ...call, answer: answered ? 'recorded' : 'none' }));
  await deps.runs.append({
    type: 'tools-answered',
    runId: input.runId,
    branchId: input.branchId,
    at: new Date(deps.clock.now()).toISOString(),
    step: input.step,
    calls: shown,
  });
  if (diverged) return { kind: 'end', stopReason: 'diverged', divergedAtTurn: input.turn };
  if (input.tools === 'stop') return { kind: 'end', stopReason: 'tool_stop', divergedAtTurn: null };
  if (!answered) return { kind: 'end', stopReason: 'tool_not_recorded', divergedAtTurn: null };
  return goOn(input, followUp(request, reply, { kind: 'results', results }), input.turn, deps);
}

/** Sends the next request, or ends the branch where the API would refuse it. Says what was changed for that. */
async function goOn(
  input: AdvanceInput,
  { next, notes, refused }: FollowUp,
  turn: number,
  { blobs, runs, clock }: AdvanceDeps,
): Promise<Advance> {
  const { runId, branchId } = input;
  const at = new Date(clock.now()).toISOString();
  const said = refused === null ? notes : [...notes, refused];
  for (const text of said)
    await runs.append({ type: 'branch-note', runId, branchId, at, text: `Reply ${input.step}: ${text}` });
  if (refused !== null) return { kind: 'end', stopReason: 'reply_not_sendable', divergedAtTurn: null };
  return { kind: 'continue', request: await blobs.put(next), turn };
}

function recordedTurn(answers: RecordedAnswers, index: number): RecordedAnswers['turns'][number] {
  const turn = answers.turns.find((candidate) => candidate.turn === index);
  if (turn === undefined) throw new Error(`The recorded answers of this branch have no turn ${index}.`);
  return turn;
}

/** Calls that this branch has made in the turn so far: those in the messages it added since the turn's prompt. */
function callsOfTurn(request: StoredRequest, answers: RecordedAnswers, turn: number): ToolUse[] {
  const added = request.request.messages.slice(answers.prefixMessages);
  const order = answers.turns.findIndex((candidate) => candidate.turn === turn);
  // The first turn's prompt stands in the prefix; each later turn begins with a user message that holds no tool result.
  let seen = 0;
  let start = 0;
  added.forEach((message, index) => {
    if (message.role === 'user' && !hasToolResult(message)) {
      seen++;
      if (seen <= order) start = index;
    }
  });
  return added
    .slice(start)
    .flatMap((message) =>
      message.role === 'assistant' && Array.isArray(message.content) ? toolUses(message.content) : [],
    );
}

const hasToolResult = (message: RequestMessage) =>
  Array.isArray(message.content) && message.content.some((block) => block.type === 'tool_result');

function inRecordedOrder(recorded: readonly RecordedCall[], done: number, calls: readonly ToolUse[]): boolean {
  return calls.every((call, index) => {
    const expected = recorded[done + index];
    return expected !== undefined && keyOf(expected) === keyOf(call);
  });
}

async function endOfTurn(
  input: AdvanceInput,
  request: StoredRequest,
  reply: StoredReply,
  answers: RecordedAnswers,
  deps: AdvanceDeps,
): Promise<Advance> {
  const index = answers.turns.findIndex((candidate) => candidate.turn === input.turn);
  const recorded = recordedTurn(answers, input.turn);
  const made = callsOfTurn(request, answers, input.turn);
  if (answers.strictOrder && made.length < recorded.calls.length) {
    return { kind: 'end', stopReason: 'diverged', divergedAtTurn: input.turn };
  }
  const next = answers.turns[index + 1];
  const prompt = next?.prompt ?? null;
  // A refusal or a cut-off reply would make the next recorded prompt answer something that was never said.
  if (next === undefined || prompt === null || reply.stopReason !== 'end_turn') {
    return { kind: 'end', stopReason: reply.stopReason, divergedAtTurn: null };
  }
  return goOn(input, followUp(request, reply, { kind: 'prompt', prompt }), next.turn, deps);
}
