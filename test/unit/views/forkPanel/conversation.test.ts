import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TurnId } from '../../../../src/core/ids.ts';
import type { Turn } from '../../../../src/core/session/recordedSession.ts';
import {
  type Conversation,
  conversationOf,
  locateCut,
  moveCut,
  rowParts as partsOf,
  wireRows as rowsOf,
  turnAt,
} from '../../../../src/views/forkPanel/conversation.ts';
import { conversationRowSchema } from '../../../../src/views/forkPanel/protocol.ts';
import { call, session, step, turn } from '../support/sessions.ts';

const read = call('Read', { file_path: '/home/sam/slug-tools/src/slugify.ts' });
const bash = call('Bash', { command: 'npm test' });

/** The made-up turns are whole: what a conversation's rows say is read from the turns it was made of. */
function contentsOf(conversation: Conversation) {
  return new Map(conversation.rows.map(({ turn: { index }, turn: whole }) => [index, whole as Turn]));
}

const wireRows = (conversation: Conversation, start: number, count: number) =>
  rowsOf(conversation, contentsOf(conversation), start, count);
const rowParts = (conversation: Conversation, index: number) => partsOf(conversation, contentsOf(conversation), index);

/** Two turns: one reply, then a turn of two steps of which the first calls two tools. */
function small() {
  return session({
    turns: [
      turn(1, 1),
      turn(2, 10, {
        steps: [step(11, { index: 1, text: '', toolCalls: [read, bash] }), step(20, { index: 2, text: 'Done.' })],
      }),
    ],
  });
}

test('rows are prompts and replies in order, with the cuts that are legal beside them', () => {
  const conversation = conversationOf(small(), 'turn-2' as TurnId);
  const rows = wireRows(conversation, 0, 10);
  expect(rows.map(({ kind, text, turn: place }) => [kind, place, text])).toEqual([
    ['prompt', 1, 'Prompt 1'],
    ['reply', 1, 'Because it strips everything.'],
    ['prompt', 2, 'Prompt 2'],
    ['reply', 2, 'Reads src/slugify.ts, runs npm test'],
    ['reply', 2, 'Done.'],
  ]);
  expect(rows.map(({ cutBefore }) => cutBefore)).toEqual([{ turn: 1 }, null, { turn: 2 }, null, null]);
  // Between tool results and the next reply the place is named by that reply: results come in any order.
  expect(rows.map(({ cutAfter }) => cutAfter)).toEqual([
    null,
    { after: 'step-2' },
    null,
    { before: 'step-20' },
    { after: 'step-20' },
  ]);
  for (const row of rows) expect(conversationRowSchema.parse(row)).toEqual(row);
});

test('only the rows that were asked for are sent, and long texts are clipped', () => {
  const turns = Array.from({ length: 500 }, (_, index) =>
    turn(index + 1, index * 10, { prompt: 'long '.repeat(10_000) }),
  );
  const conversation = conversationOf(session({ turns }), 'turn-1' as TurnId);
  expect(conversation.rows.length).toBe(1000);
  const page = wireRows(conversation, 960, 40);
  expect(page).toHaveLength(40);
  expect(JSON.stringify(page).length).toBeLessThan(40_000);
  expect(wireRows(conversation, 990, 40)).toHaveLength(10);
  expect(wireRows(conversation, 5000, 40)).toEqual([]);
});

test('a call without its result gives no cut', () => {
  const pending = { ...read, result: null };
  const open = session({ turns: [turn(1, 1, { steps: [step(2, { toolCalls: [pending] })] })] });
  expect(wireRows(conversationOf(open, 'turn-1' as TurnId), 1, 1)[0]?.cutAfter).toBeNull();
});

test('turns of other branches are left out; the active continuation wins over a newer one', () => {
  const turns = [
    turn(1, 1),
    turn(2, 10, { active: true }),
    turn(3, 20, { active: false, parentTurnId: 'turn-1' as TurnId }),
    turn(4, 30, { active: true, parentTurnId: 'turn-2' as TurnId }),
  ];
  const places = (through: string) =>
    conversationOf(session({ turns }), through as TurnId)
      .rows.filter(({ kind }) => kind === 'prompt')
      .map((row) => row.turn.index);
  expect(places('turn-1')).toEqual([1, 2, 4]);
  expect(places('turn-3')).toEqual([1, 3]);
});

test('parents that form a ring end the walk', () => {
  const turns = [turn(1, 1, { parentTurnId: 'turn-2' as TurnId }), turn(2, 10)];
  expect(conversationOf(session({ turns }), 'turn-1' as TurnId).rows.length).toBe(4);
});

test('a compaction stands between the turns that it parts', () => {
  const recorded = small();
  recorded.compactions = [{ uuid: 'c', line: 5, trigger: 'auto', preTokens: 12_500, postTokens: 2_700 }];
  const rows = wireRows(conversationOf(recorded, 'turn-2' as TurnId), 0, 10);
  expect(rows[2]).toMatchObject({
    kind: 'note',
    text: 'Compacted here',
    facts: '12.5k → 2.7k tokens',
    cutBefore: null,
  });
});

test.each([
  [{ turn: 2 }, { row: 2, side: 'before', recordedPrompt: 'Prompt 2', label: 'before “Prompt 2”' }],
  [{ before: 'turn-2' }, { row: 2, side: 'before', recordedPrompt: 'Prompt 2' }],
  [{ after: 'turn-2' }, { row: 2, side: 'after', recordedPrompt: null }],
  [{ before: 'step-20' }, { row: 3, side: 'after', label: 'after step 1 of “Prompt 2”' }],
  [{ after: bash.result!.uuid }, { row: 3, side: 'after' }],
  [{ after: 'step-20' }, { row: 4, side: 'after', label: 'after the reply to “Prompt 2”' }],
] as const)('%j is found among the rows', (at, place) => {
  const recorded = small();
  const found = turnAt(recorded, at);
  expect(found?.index).toBe(2);
  expect(locateCut(conversationOf(recorded, found!.turnId), at)).toMatchObject(place);
});

test('a point that is not recorded is not found', () => {
  expect(turnAt(small(), { turn: 9 })).toBeNull();
  expect(turnAt(small(), { after: 'nobody' })).toBeNull();
});

test('the cut walks from turn to turn and stops at both ends', () => {
  const conversation = conversationOf(small(), 'turn-2' as TurnId);
  const start = locateCut(conversation, { turn: 1 })!;
  const second = moveCut(conversation, start, 1);
  const end = moveCut(conversation, second, 1);
  expect([start.stop, second.at, second.stop, end.at, end.stop, end.stops]).toEqual([
    1,
    { turn: 2 },
    2,
    { after: 'step-20' },
    3,
    3,
  ]);
  expect(moveCut(conversation, end, 1)).toEqual(end);
  expect(moveCut(conversation, start, -1)).toEqual(start);
  expect(moveCut(conversation, second, 0)).toEqual(second);
});

test('from inside a turn the cut goes up to the start of the turn and down to the next', () => {
  const conversation = conversationOf(small(), 'turn-2' as TurnId);
  const inside = locateCut(conversation, { before: 'step-20' })!;
  expect(moveCut(conversation, inside, -1).at).toEqual({ turn: 2 });
  expect(moveCut(conversation, inside, 1).at).toEqual({ after: 'step-20' });
});

test('every place that a row offers for the cut is found again right there', () => {
  const anyTurns = fc.array(fc.array(fc.nat(2), { maxLength: 4 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(anyTurns, (shape) => {
      const turns = shape.map((steps, index) =>
        turn(index + 1, index * 100 + 1, {
          steps: steps.map((calls, at) => {
            const line = index * 100 + at + 2;
            const toolCalls = Array.from({ length: calls }, (_, n) => call('Bash', { command: `${line} ${n}` }));
            return step(line, { index: at + 1, toolCalls });
          }),
        }),
      );
      const conversation = conversationOf(session({ turns }), 'turn-1' as TurnId);
      wireRows(conversation, 0, 200).forEach((row, index) => {
        if (row.cutBefore) expect(locateCut(conversation, row.cutBefore)).toMatchObject({ row: index, side: 'before' });
        if (row.cutAfter) expect(locateCut(conversation, row.cutAfter)).toMatchObject({ row: index, side: 'after' });
      });
    }),
  );
});

test('what stands behind a row: text, thinking, calls with their results', () => {
  const recorded = session({
    turns: [
      turn(1, 1, {
        steps: [
          step(2, {
            toolCalls: [read],
            content: [
              { type: 'thinking', thinking: 'Hm.' },
              { type: 'text', text: 'Let me \u202esee.' },
              { type: 'tool_use', id: read.id, name: 'Read', input: read.input },
              { type: 'server_tool_use' },
            ],
          }),
        ],
      }),
    ],
  });
  const conversation = conversationOf(recorded, 'turn-1' as TurnId);
  expect(rowParts(conversation, 1).map(({ kind, title }) => [kind, title])).toEqual([
    ['thinking', 'Thinking'],
    ['text', ''],
    ['call', 'Read /home/sam/slug-tools/src/slugify.ts'],
    ['result', 'Recorded result'],
    ['call', 'server_tool_use'],
  ]);
  expect(rowParts(conversation, 1)[1]?.text).toBe('Let me see.');
  expect(rowParts(conversation, 99)).toEqual([]);
});
