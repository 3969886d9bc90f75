import { callSubject } from '../../core/callTitle.ts';
import type { ForkPoint } from '../../core/fork/forkRequest.ts';
import { absoluteTime, modelName, oneLine, plural, tokenCount } from '../../core/format.ts';
import type { TurnId } from '../../core/ids.ts';
import { plainText } from '../../core/plainText.ts';
import type {
  Compaction,
  RecordedSession,
  RecordedToolCall,
  Step,
  StepOutline,
  Turn,
  TurnOutline,
} from '../../core/session/recordedSession.ts';
import { describeStep } from '../sessionTree/describeCalls.ts';
import type { ConversationRow, Cut, RowPart } from './protocol.ts';

type RowSource =
  | { kind: 'prompt'; turn: TurnOutline; place: number }
  | { kind: 'reply'; turn: TurnOutline; place: number; step: StepOutline }
  | { kind: 'note'; turn: TurnOutline; place: number; text: string; facts: string };

/** Turns with their contents, by index: those that the rows asked for belong to. */
export type TurnContents = ReadonlyMap<number, Turn>;

/** One line of development of a session as rows: the turns that lead to a fork point and those that followed it. */
export interface Conversation {
  readonly rows: readonly RowSource[];
  /** Paths in texts are shown relative to it. */
  readonly projectPath: string | null;
  /** The cuts between turns, in order: what Alt+Up and Alt+Down walk through. */
  readonly stops: readonly { at: ForkPoint; row: number; side: Cut['side'] }[];
}

const rowTextLimit = 600;
const partTextLimit = 20_000;
const partsLimit = 60;

/** The conversation that the given turn belongs to. Turns of other branches are left out. */
export function conversationOf(session: RecordedSession, through: TurnId): Conversation {
  const rows: RowSource[] = [];
  const turns = chainThrough(session.turns, through);
  turns.forEach((turn, index) => {
    const place = index + 1;
    const compaction = compactionBetween(session.compactions, turns[index - 1], turn);
    if (compaction)
      rows.push({ kind: 'note', turn, place, text: 'Compacted here', facts: compactionFacts(compaction) });
    rows.push({ kind: 'prompt', turn, place });
    rows.push(...stepsAndAbsorbed(turn, place));
  });
  const stops: { at: ForkPoint; row: number; side: Cut['side'] }[] = [];
  rows.forEach((row, index) => {
    if (row.kind === 'prompt') stops.push({ at: { turn: row.turn.index }, row: index, side: 'before' });
  });
  const end = rows.at(-1);
  const atEnd = end && cutAfter(end);
  if (atEnd) stops.push({ at: atEnd, row: rows.length - 1, side: 'after' });
  return { rows, stops, projectPath: session.summary.projectPath };
}

/** The turn that a fork point stands in, null where the session holds no such turn or message. */
export function turnAt(session: RecordedSession, at: ForkPoint): TurnOutline | null {
  if ('turn' in at) return session.turns.find((turn) => turn.index === at.turn) ?? null;
  const uuid = 'before' in at ? at.before : at.after;
  return session.turns.find((turn) => turn.turnId === uuid || turn.steps.some((step) => stepHas(step, uuid))) ?? null;
}

/** Where the cut stands in the conversation, null where its message is not among the rows. */
export function locateCut(conversation: Conversation, at: ForkPoint): Cut | null {
  const found = findCut(conversation, at);
  const row = found && conversation.rows[found.row];
  if (!found || !row) return null;
  const stop = conversation.stops.findLastIndex((stop) => stop.row <= found.row);
  return {
    at,
    ...found,
    label: cutLabel(row, found.side),
    recordedPrompt: found.side === 'before' ? row.turn.prompt : null,
    stop: stop + 1,
    stops: conversation.stops.length,
  };
}

/** The next cut between turns, upwards (-1) or downwards (1); the same one at either end. */
export function moveCut(conversation: Conversation, cut: Cut, by: -1 | 0 | 1): Cut {
  const { stops } = conversation;
  // A cut inside a turn stands between two stops: up goes to the start of its turn, down to the next one.
  const position = (row: number, side: Cut['side']) => row * 2 + (side === 'after' ? 1 : 0);
  const here = position(cut.row, cut.side);
  const target =
    by < 0
      ? stops.findLast((stop) => position(stop.row, stop.side) < here)
      : stops.find((stop) => position(stop.row, stop.side) > here);
  return by === 0 || !target ? cut : (locateCut(conversation, target.at) ?? cut);
}

/** Indexes of the turns that rows `start` to `start + count` belong to. */
export function turnsOfRows(conversation: Conversation, start: number, count: number): number[] {
  return [...new Set(conversation.rows.slice(start, start + count).map(({ turn }) => turn.index))];
}

/** Rows `start` to `start + count`, clipped to what fits a screen. */
export function wireRows(
  conversation: Conversation,
  contents: TurnContents,
  start: number,
  count: number,
): ConversationRow[] {
  return conversation.rows.slice(start, start + count).map((row) => wireRow(row, contents, conversation.projectPath));
}

/** Everything behind one row: thinking, text, tool calls and their results. Very long parts are clipped, and say so. */
export function rowParts(conversation: Conversation, contents: TurnContents, index: number): RowPart[] {
  const row = conversation.rows[index];
  const turn = row && contents.get(row.turn.index);
  const step = row?.kind === 'reply' ? wholeStep(contents, row) : undefined;
  if (!row || row.kind === 'note') return [];
  const parts =
    row.kind === 'prompt'
      ? promptParts(turn?.promptContent ?? [])
      : (step?.content ?? []).flatMap((block) => blockParts(block, step?.toolCalls ?? []));
  if (row.kind === 'reply' && row.step.error !== null)
    parts.push({ kind: 'error', title: 'Error', text: row.step.error });
  const shown = parts
    .slice(0, partsLimit)
    .map(({ kind, title, text }) => ({ kind, title: oneLine(title), text: clip(plainText(text), partTextLimit) }));
  if (parts.length > partsLimit) {
    shown.push({
      kind: 'error',
      title: '',
      text: `${parts.length - partsLimit} more parts. Open the turn to read them.`,
    });
  }
  return shown;
}

/** The row's step with its contents, where they were read. */
function wholeStep(contents: TurnContents, row: { turn: TurnOutline; step: StepOutline }): Step | undefined {
  return contents.get(row.turn.index)?.steps[row.step.index - 1];
}

function chainThrough(turns: readonly TurnOutline[], through: TurnId): TurnOutline[] {
  const byId = new Map(turns.map((turn) => [turn.turnId, turn]));
  const next = new Map<TurnId, TurnOutline>();
  for (const turn of turns) {
    if (turn.parentTurnId === null) continue;
    // Where a rewind left two continuations, the one that resuming would take wins, else the newest.
    const other = next.get(turn.parentTurnId);
    if (!other || turn.active || !other.active) next.set(turn.parentTurnId, turn);
  }
  const chain: TurnOutline[] = [];
  const seen = new Set<TurnId>();
  for (let turn = byId.get(through); turn && !seen.has(turn.turnId); turn = parentOf(turn, byId)) {
    seen.add(turn.turnId);
    chain.push(turn);
  }
  chain.reverse();
  for (let turn = next.get(through); turn && !seen.has(turn.turnId); turn = next.get(turn.turnId)) {
    seen.add(turn.turnId);
    chain.push(turn);
  }
  return chain;
}

function parentOf(turn: TurnOutline, byId: Map<TurnId, TurnOutline>): TurnOutline | undefined {
  return turn.parentTurnId === null ? undefined : byId.get(turn.parentTurnId);
}

/** The replies of a turn, and between them what was typed while they were written. */
function stepsAndAbsorbed(turn: TurnOutline, place: number): RowSource[] {
  const notes = turn.absorbed.map(({ text, line }) => ({
    line,
    row: { kind: 'note', turn, place, text: clip(plainText(text), rowTextLimit), facts: 'typed meanwhile' } as const,
  }));
  const replies = turn.steps.map((step) => ({ line: step.line, row: { kind: 'reply', turn, place, step } as const }));
  return [...replies, ...notes].sort((a, b) => a.line - b.line).map(({ row }) => row);
}

function compactionBetween(
  compactions: readonly Compaction[],
  before: TurnOutline | undefined,
  after: TurnOutline,
): Compaction | undefined {
  if (!before) return undefined;
  return compactions.findLast(({ line }) => line > before.line && line < after.line);
}

function findCut(conversation: Conversation, at: ForkPoint): { row: number; side: Cut['side'] } | null {
  const { rows } = conversation;
  if ('turn' in at) {
    const row = rows.findIndex((row) => row.kind === 'prompt' && row.turn.index === at.turn);
    return row < 0 ? null : { row, side: 'before' };
  }
  const uuid = 'before' in at ? at.before : at.after;
  const row = rows.findIndex((row) =>
    row.kind === 'reply' ? stepHas(row.step, uuid) : row.turn.turnId === uuid && row.kind === 'prompt',
  );
  if (row < 0) return null;
  if ('after' in at) return { row, side: 'after' };
  return rows[row]?.kind === 'prompt' ? { row, side: 'before' } : { row: row - 1, side: 'after' };
}

function stepHas(step: StepOutline, uuid: string): boolean {
  return step.uuids.includes(uuid) || step.toolCalls.some(({ result }) => result?.uuid === uuid);
}

function cutLabel(row: RowSource, side: Cut['side']): string {
  const prompt = oneLine(row.turn.prompt, 60) || `turn ${row.place}`;
  if (side === 'before') return `before “${prompt}”`;
  if (row.kind === 'note') return `after “${oneLine(row.text, 60)}”`;
  if (row.kind !== 'reply') return `after “${prompt}”`;
  return row.step.index === row.turn.steps.length
    ? `after the reply to “${prompt}”`
    : `after step ${row.step.index} of “${prompt}”`;
}

/**
 * After a reply the history is whole once every tool call has its result. Parallel calls are answered in any order, so the
 * place is named by the reply that follows where there is one.
 */
function cutAfter(row: RowSource): ForkPoint | null {
  if (row.kind !== 'reply' || row.step.error !== null) return null;
  const { step, turn } = row;
  if (step.toolCalls.some(({ result }) => result === null)) return null;
  const following = step.toolCalls.length > 0 ? turn.steps[step.index]?.uuids[0] : undefined;
  if (following !== undefined) return { before: following };
  const uuid = step.toolCalls.at(-1)?.result?.uuid ?? step.uuids.at(-1);
  return uuid === undefined ? null : { after: uuid };
}

function wireRow(row: RowSource, contents: TurnContents, projectPath: string | null): ConversationRow {
  const base = {
    kind: row.kind,
    turn: row.place,
    facts: '',
    tooltip: '',
    problem: null,
    faded: row.turn.compactedAway,
    expandable: false,
    cutBefore: row.kind === 'prompt' ? { turn: row.turn.index } : null,
    cutAfter: cutAfter(row),
  };
  if (row.kind === 'note') return { ...base, faded: false, text: row.text, facts: row.facts };
  return row.kind === 'prompt'
    ? { ...base, ...promptRow(row.turn) }
    : { ...base, ...replyRow(row.turn, row.step, wholeStep(contents, row), projectPath) };
}

function promptRow(turn: TurnOutline) {
  const attached = turn.attachments;
  return {
    text: clip(plainText(turn.prompt), rowTextLimit) || '(no text)',
    facts: attached > 0 ? plural(attached, 'attachment') : '',
    tooltip: absoluteTime(turn.at),
    problem: turn.interrupted ? 'interrupted' : null,
    expandable: turn.prompt.length > 120 || turn.prompt.includes('\n') || attached > 0,
  };
}

function replyRow(turn: TurnOutline, step: StepOutline, whole: Step | undefined, projectPath: string | null) {
  const { usage } = step;
  const tokens = `${tokenCount(usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens)} tokens in, ${tokenCount(usage.outputTokens)} out`;
  const facts = step.toolCalls.length > 0 && whole?.text ? plural(step.toolCalls.length, 'tool') : '';
  return {
    text: whole ? clip(plainText(whole.text), rowTextLimit) || describeStep(whole, projectPath) : '',
    facts,
    tooltip: [modelName(step.model), tokens, `step ${step.index} of ${turn.steps.length}`, absoluteTime(step.at)].join(
      ' · ',
    ),
    problem: step.error === null ? null : oneLine(step.error, 200),
    expandable: true,
  };
}

function compactionFacts({ preTokens, postTokens }: Compaction): string {
  if (preTokens === null || postTokens === null) return '';
  return `${tokenCount(preTokens)} → ${tokenCount(postTokens)} tokens`;
}

function promptParts(content: Turn['promptContent']): RowPart[] {
  return content.map((block): RowPart => {
    const text = block['text'];
    if (block.type === 'text' && typeof text === 'string') return { kind: 'text', title: '', text };
    return { kind: 'call', title: `Attached: ${block.type}`, text: '' };
  });
}

function blockParts(block: Step['content'][number], calls: readonly RecordedToolCall[]): RowPart[] {
  const { text, thinking, id } = block;
  if (block.type === 'text' && typeof text === 'string') return [{ kind: 'text', title: '', text }];
  if (block.type === 'thinking') {
    return [{ kind: 'thinking', title: 'Thinking', text: typeof thinking === 'string' ? thinking : '' }];
  }
  const call = block.type === 'tool_use' ? calls.find((call) => call.id === id) : undefined;
  if (!call) return [{ kind: 'call', title: block.type, text: '' }];
  const made: RowPart = { kind: 'call', title: titleOf(call), text: JSON.stringify(call.input, null, 2) };
  if (!call.result) return [made, { kind: 'error', title: 'No result recorded', text: '' }];
  return [
    made,
    {
      kind: call.result.isError ? 'error' : 'result',
      title: call.result.isError ? 'Recorded error' : 'Recorded result',
      text: contentText(call.result.content),
    },
  ];
}

/** `Read src/slugify.ts`: the tool and what it was pointed at. */
function titleOf(call: RecordedToolCall): string {
  const subject = callSubject(call.input);
  return subject === null ? oneLine(call.name, 60) : `${oneLine(call.name, 40)} ${oneLine(subject.text, 80)}`;
}

function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return JSON.stringify(content, null, 2) ?? '';
  return content
    .map((block: unknown) => {
      const { text, type } = (block ?? {}) as { text?: unknown; type?: unknown };
      return typeof text === 'string' ? text : `(${typeof type === 'string' ? type : 'unknown content'})`;
    })
    .join('\n');
}

function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max).toWellFormed()}…`;
}
