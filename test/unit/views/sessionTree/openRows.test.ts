import { expect, test, vi } from 'vitest';
import type { TurnId } from '../../../../src/core/ids.ts';
import type { RecordedSession, SubagentSummary, Turn } from '../../../../src/core/session/recordedSession.ts';
import { OpenRows, type SessionRows } from '../../../../src/views/sessionTree/openRows.ts';
import { sessionChildren } from '../../../../src/views/sessionTree/sessionChildren.ts';
import type { SessionNode } from '../../../../src/views/sessionTree/sessionNodes.ts';
import { call, session, step, summary, turn } from '../support/sessions.ts';

const node: SessionNode = { kind: 'session', id: 's', file: '/s.jsonl', summary: summary({ file: '/s.jsonl' }) };
const agent: SubagentSummary = {
  agentId: 'a1',
  agentType: 'explore',
  parentAgentId: null,
  task: 'find all callers',
  toolUseId: null,
  turnId: 'turn-2' as TurnId,
  messages: 6,
  steps: 3,
  file: '/sub.jsonl',
};

/** Three turns; every reading makes new objects of them, as from another thread. */
function recording(change: (recorded: RecordedSession & { turns: Turn[] }) => void = () => undefined) {
  const turns = [turn(1, 1), turn(2, 10, { steps: [step(11, { toolCalls: [call('Bash', {})] })] }), turn(3, 20)];
  const recorded = { ...session({ subagents: [{ ...agent }] }), turns };
  change(recorded);
  return structuredClone(recorded);
}

/** The rows of a session that is unfolded. */
async function unfolded() {
  let now = recording();
  const read = vi.fn<() => Promise<SessionRows>>(async () => ({ rows: sessionChildren('/s.jsonl', now), source: now }));
  const rows = new OpenRows(read);
  const shown = await rows.of(node);
  return {
    rows,
    read,
    shown,
    async changes(change: Parameters<typeof recording>[0]) {
      now = recording(change);
      rows.changed('/s.jsonl');
      return rows.refresh(node);
    },
  };
}

test.each<[string, Parameters<typeof recording>[0], number[]]>([
  ['a reply', ({ turns }) => turns[2]?.steps.push(step(22, { index: 2 })), [2]],
  ['more of a reply', ({ turns }) => turns[2]?.steps[0]?.uuids.push('step-21b'), [2]],
  ['the result of a call', ({ turns }) => Object.assign(turns[1]?.steps[0]?.toolCalls[0] ?? {}, { result: null }), [1]],
  ['what a subagent did', ({ subagents }) => Object.assign(subagents[0] ?? {}, { messages: 7 }), [1]],
  ['an interruption', ({ turns }) => Object.assign(turns[2] ?? {}, { interrupted: true }), [2]],
  [
    'a compaction',
    ({ turns }) => turns.slice(0, 2).forEach((each) => Object.assign(each, { compactedAway: true })),
    [0, 1],
  ],
  ['nothing that shows', ({ summary: { roots } }) => roots.push('x'), []],
])('%s shows in its row alone, which stays the same object', async (_what, change, expected) => {
  const { changes, shown, rows } = await unfolded();
  const before = [...shown];
  const changed = await changes(change);
  expect(changed).toEqual(expected.map((index) => before[index]));
  expect(changed?.every((row, index) => row === before[expected[index] ?? -1])).toBe(true);
  expect(await rows.of(node)).toEqual(sessionChildren('/s.jsonl', recording(change)));
});

test('rows that come or go are shown by showing the session anew', async () => {
  const { changes, rows, read } = await unfolded();
  expect(await changes(({ turns }) => turns.push(turn(4, 30)))).toBeNull();
  expect(await rows.of(node)).toHaveLength(4);
  expect(await changes(({ turns }) => turns.pop())).toBeNull();
  expect(await rows.of(node)).toHaveLength(2);
  // Showing it anew reads nothing again.
  expect(read).toHaveBeenCalledTimes(3);
});

test('a session that is folded is not read', async () => {
  const { changes, rows, read } = await unfolded();
  expect(rows.drop('/s.jsonl')).toBe(true);
  expect(await changes(() => undefined)).toBeNull();
  expect(read).toHaveBeenCalledOnce();
});

test('a change during a reading is read again', async () => {
  const { rows, read } = await unfolded();
  rows.changed('/s.jsonl');
  const refreshed = rows.refresh(node);
  rows.changed('/s.jsonl');
  expect(await refreshed).toEqual([]);
  await rows.of(node);
  expect(read).toHaveBeenCalledTimes(3);
});
