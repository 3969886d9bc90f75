import { ForkPointError, NotFoundError } from '../errors.ts';
import type { ChainNode } from '../session/messageChain.ts';
import { holdsToolResult, isSyntheticReply } from '../session/promptRules.ts';
import type { ContentBlock, TurnOutline } from '../session/recordedSession.ts';
import { oneLine } from '../session/sessionSummary.ts';
import { holdsMessage } from '../session/transcriptEntry.ts';
import type { SessionTree } from '../session/turnTree.ts';
import type { ResolvedPoint } from './forkPlan.ts';
import type { ForkPoint } from './forkRequest.ts';

/** A place where the history is cut, found in the recording and legal for the API. */
export interface Cut {
  point: ResolvedPoint;
  turn: TurnOutline;
  /** Last record of the history that is kept; for a cut before a prompt this includes the prompt, which is put back. */
  upTo: ChainNode;
  /** The prompt that is put back for editing. */
  prompt: ChainNode | null;
  /** Lines of the reply that was recorded next at this very place, empty where none was. */
  reply: ChainNode[];
  /** Number of the turn's steps that are kept. */
  keptSteps: number;
}

function isReplyLine(node: ChainNode): boolean {
  return node.entry.type === 'assistant' && !isSyntheticReply(node.entry) && node.entry.facts.apiError === null;
}

/** All lines of the reply that a line belongs to, in file order. */
function replyLines(tree: SessionTree, node: ChainNode): ChainNode[] {
  const id = node.entry.facts.messageId;
  const turn = tree.turnOf.get(node) ?? null;
  if (id === null || turn === null) return [node];
  return tree.recordsOf(turn).filter(({ entry }) => entry.type === 'assistant' && entry.facts.messageId === id);
}

/** Records that stand between a message and the reply to it without being messages of the conversation themselves. */
function isBetween(node: ChainNode): boolean {
  const { entry } = node;
  return !holdsMessage(entry) || entry.facts.isMeta || (entry.type === 'assistant' && !isReplyLine(node));
}

/** Where a history ends: a message, or all results of one reply's calls, whichever of them the recording goes on from. */
function endsAt(tree: SessionTree, turn: TurnOutline, node: ChainNode): ChainNode[] {
  const step = holdsToolResult(node.entry)
    ? turn.steps.find((candidate) => candidate.index === stepIndexOf(turn, node.entry.uuid))
    : undefined;
  return [node, ...(step?.toolCalls ?? []).flatMap((call) => tree.chain.byUuid.get(call.result?.uuid ?? '') ?? [])];
}

/** The reply that was recorded as the answer to what ends at `node`, its lines in file order; the newest where there are several. */
function replyAfter(tree: SessionTree, turn: TurnOutline, node: ChainNode): ChainNode[] {
  const ends = new Set(endsAt(tree, turn, node));
  const answer = tree.recordsOf(turn).findLast((candidate) => {
    if (!isReplyLine(candidate)) return false;
    let at = candidate.parent;
    while (at !== null && !ends.has(at) && isBetween(at)) at = at.parent;
    return at !== null && ends.has(at);
  });
  return answer === undefined ? [] : replyLines(tree, answer);
}

function stepIndexOf(turn: TurnOutline, uuid: string): number {
  const step = turn.steps.find(
    (candidate) => candidate.uuids.includes(uuid) || candidate.toolCalls.some((call) => call.result?.uuid === uuid),
  );
  return step?.index ?? 0;
}

function refuse(tree: SessionTree, turn: TurnOutline, stepIndex: number): never {
  const step = turn.steps.find((candidate) => candidate.index === stepIndex);
  const results = (step?.toolCalls ?? []).flatMap((call) => tree.chain.byUuid.get(call.result?.uuid ?? '') ?? []);
  const last = results.toSorted((a, b) => a.order - b.order).at(-1);
  const before = `before the reply (${step?.uuids[0] ?? turn.turnId})`;
  const after = last === undefined ? '' : `, or after its last result (${last.entry.uuid})`;
  throw new ForkPointError(
    'This point lies between a tool call and its result: the API refuses a history that ends there.',
    `Cut ${before}${after}, or before the prompt of turn ${turn.index}.`,
    { nearest: { before: step?.uuids[0] ?? null, after: last?.entry.uuid ?? null, turn: turn.index } },
  );
}

/** Refuses a cut behind `node` that leaves a call without its result or a reply that the API would not take. */
function checkEnd(tree: SessionTree, turn: TurnOutline, node: ChainNode): void {
  const stepIndex = stepIndexOf(turn, node.entry.uuid);
  if (isReplyLine(node)) {
    const kept = replyLines(tree, node)
      .filter((line) => line.order <= node.order)
      .flatMap((line) => line.entry.facts.blocks);
    if (kept.includes('tool_use')) refuse(tree, turn, stepIndex);
    if (!kept.includes('text')) {
      throw new ForkPointError(
        'This point lies inside a reply, behind its thinking: the API refuses a history that ends there.',
        `Cut before the reply (${turn.steps[stepIndex - 1]?.uuids[0] ?? turn.turnId}) or after one of its text blocks.`,
      );
    }
  } else if (holdsToolResult(node.entry)) {
    const step = turn.steps.find((candidate) => candidate.index === stepIndex);
    const later = step?.toolCalls.some(
      (call) => (tree.chain.byUuid.get(call.result?.uuid ?? '')?.order ?? -1) > node.order,
    );
    if (later === true) refuse(tree, turn, stepIndex);
  }
}

function promptTurn(tree: SessionTree, index: number): TurnOutline {
  const turn = tree.session.turns[index - 1];
  if (turn !== undefined) return turn;
  const count = tree.session.turns.length;
  throw new NotFoundError(
    `The session has no turn ${index}.`,
    count === 0 ? 'It holds no turn at all.' : count === 1 ? 'It has one turn: 1.' : `Its turns are 1 to ${count}.`,
    { turns: count },
  );
}

function quoted(text: string): string {
  return `“${oneLine(text, 60)}”`;
}

function describe(node: ChainNode, turn: TurnOutline): string {
  if (node.entry.uuid === turn.turnId) return quoted(turn.prompt);
  if (holdsToolResult(node.entry)) {
    const call = turn.steps
      .flatMap((step) => step.toolCalls)
      .find((candidate) => candidate.result?.uuid === node.entry.uuid);
    return `the result of ${call?.name ?? 'a tool'} in ${quoted(turn.prompt)}`;
  }
  return `a reply to ${quoted(turn.prompt)}`;
}

/** The point before a turn's prompt. */
export function pointBefore({ turnId, index, prompt }: TurnOutline): ResolvedPoint {
  return { kind: 'before', uuid: turnId, turnIndex: index, turnId, label: `before ${quoted(prompt)}` };
}

/** The cut before a turn's prompt. */
export function cutBeforePrompt(tree: SessionTree, turn: TurnOutline): Cut {
  const prompt = tree.prompts.get(turn.turnId) as ChainNode;
  const reply = replyAfter(tree, turn, prompt);
  return {
    point: pointBefore(turn),
    turn,
    // What Claude Code put behind the prompt before it asked belongs to the question.
    upTo: reply[0]?.parent ?? prompt,
    prompt,
    reply,
    keptSteps: 0,
  };
}

function cutAfter(tree: SessionTree, node: ChainNode, turn: TurnOutline, point: ResolvedPoint): Cut {
  checkEnd(tree, turn, node);
  // Behind a reply it is the person's turn, also where Claude Code went on by itself, at times without that reply.
  const reply = isReplyLine(node) ? [] : replyAfter(tree, turn, node);
  return {
    point,
    turn,
    upTo: reply[0]?.parent ?? node,
    prompt: null,
    reply,
    keptSteps: stepIndexOf(turn, node.entry.uuid),
  };
}

function cutBefore(tree: SessionTree, node: ChainNode, turn: TurnOutline, point: ResolvedPoint): Cut {
  const stepIndex = stepIndexOf(turn, node.entry.uuid);
  if (holdsToolResult(node.entry)) refuse(tree, turn, stepIndex);
  const lines = isReplyLine(node) ? replyLines(tree, node) : [];
  const previous = lines[lines.indexOf(node) - 1];
  if (previous !== undefined) return cutAfter(tree, previous, turn, point);
  const upTo = node.parent;
  if (upTo === null)
    throw new ForkPointError('Nothing stands before this message.', `Cut before the prompt of turn ${turn.index}.`);
  return { point, turn, upTo, prompt: null, reply: lines, keptSteps: Math.max(0, stepIndex - 1) };
}

/** The message that a `uuid` names; for a record that is no message, the message it hangs on. */
function messageNamed(tree: SessionTree, uuid: string): { node: ChainNode; exact: boolean } {
  let node = tree.chain.byUuid.get(uuid) ?? null;
  const exact = node !== null && holdsMessage(node.entry);
  while (node !== null && !holdsMessage(node.entry)) node = node.parent;
  if (node === null) {
    throw new NotFoundError(
      `The session has no message ${uuid}.`,
      'List its messages with `forkpoint messages SESSION`.',
      { uuid },
    );
  }
  return { node, exact };
}

/**
 * Finds a fork point in a recording.
 * @throws NotFoundError where no such turn or message is recorded
 * @throws ForkPointError where the history would end in a way that the API refuses
 */
export function resolveCut(tree: SessionTree, point: ForkPoint): Cut {
  if ('turn' in point) return cutBeforePrompt(tree, promptTurn(tree, point.turn));
  const uuid = 'before' in point ? point.before : point.after;
  const { node, exact } = messageNamed(tree, uuid);
  const turn = tree.turnOf.get(node) ?? null;
  if (turn === null) {
    throw new ForkPointError(
      'This message stands before the first prompt of its branch.',
      'Cut before the first turn (turn 1).',
    );
  }
  const before = 'before' in point && exact;
  if (before && node.entry.uuid === turn.turnId) return cutBeforePrompt(tree, turn);
  const label = `${before ? 'before' : 'after'} ${describe(node, turn)}`;
  const resolved: ResolvedPoint = {
    kind: before ? 'before' : 'after',
    uuid: node.entry.uuid,
    turnIndex: turn.index,
    turnId: turn.turnId,
    label,
  };
  return before ? cutBefore(tree, node, turn, resolved) : cutAfter(tree, node, turn, resolved);
}

/** The id under which the request log knows the request that a reply answered. */
export function requestRefOf(reply: readonly ChainNode[]): string | null {
  for (const line of reply) {
    const ref = line.entry.facts.requestRef;
    if (ref !== null) return ref;
  }
  return null;
}

/** What the prompt says that is put back; null where none is. */
export function promptContentOf({ prompt }: Cut): readonly ContentBlock[] | null {
  return prompt === null ? null : (prompt.entry.message?.content ?? []);
}

/** Whole input of the request that a reply answered, in tokens. */
export function inputTokensOf(reply: readonly ChainNode[]): number | null {
  const usage = reply.at(-1)?.entry.facts.usage ?? null;
  const total = usage === null ? 0 : usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
  return total > 0 ? total : null;
}
