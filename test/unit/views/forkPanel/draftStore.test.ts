import { expect, test } from 'vitest';
import { DraftStore } from '../../../../src/views/forkPanel/draftStore.ts';
import { newDraft } from '../../../../src/views/forkPanel/newDraft.ts';
import type { ForkDraft } from '../../../../src/views/forkPanel/protocol.ts';
import { draftDefaults } from '../support/agents.ts';

function store(value?: unknown) {
  let kept = value;
  return { get: async () => kept, update: async (_key: string, next: unknown) => void (kept = next), kept: () => kept };
}

const draft = (turn: number, prompt: string | null = `Prompt ${turn}`) => ({
  ...newDraft('/s', { turn }, draftDefaults),
  prompt,
});

const keep = (drafts: DraftStore, draft: ForkDraft) =>
  drafts.keep(draft, newDraft(draft.session, draft.at, draftDefaults));

test('a begun fork is recalled at its place, in the next window too', async () => {
  const memory = store();
  await keep(new DraftStore(memory), draft(1));
  const next = new DraftStore(memory);
  expect(await next.recall('/s', { turn: 1 })).toEqual(draft(1));
  expect(await next.recall('/s', { turn: 2 })).toBeNull();
  expect(await next.recall('/other', { turn: 1 })).toBeNull();
});

test('an untouched fork is not kept, and an emptied one is forgotten', async () => {
  const drafts = new DraftStore(store());
  await keep(drafts, draft(1));
  await keep(drafts, draft(1, null));
  expect(await drafts.recall('/s', { turn: 1 })).toBeNull();
});

test('changes at the same moment don’t undo one another', async () => {
  const drafts = new DraftStore(store());
  await Promise.all([
    keep(drafts, draft(1)),
    keep(drafts, draft(2)),
    drafts.forget('/s', { turn: 1 }),
    keep(drafts, draft(3)),
  ]);
  const found = await Promise.all([1, 2, 3].map((turn) => drafts.recall('/s', { turn })));
  expect(found.map((draft) => draft?.prompt)).toEqual([undefined, 'Prompt 2', 'Prompt 3']);
});

test('the oldest are dropped', async () => {
  const memory = store();
  const drafts = new DraftStore(memory);
  for (let turn = 1; turn <= 40; turn++) await keep(drafts, draft(turn));
  expect(memory.kept()).toHaveLength(30);
  expect(await drafts.recall('/s', { turn: 40 })).not.toBeNull();
  expect(await drafts.recall('/s', { turn: 1 })).toBeNull();
});

test.each([undefined, 'x', [1, ['a']], [['/s\n{"turn":1}', { session: 1 }]]])(
  'damaged memory %j is no memory',
  async (value) => {
    expect(await new DraftStore(store(value)).recall('/s', { turn: 1 })).toBeNull();
  },
);

test('who answers is no change of its own; other permissions, checks and files are', async () => {
  const drafts = new DraftStore(store());
  const kept = async (over: Partial<ForkDraft>) => {
    await keep(drafts, { ...draft(1, null), ...over });
    return (await drafts.recall('/s', { turn: 1 })) !== null;
  };
  expect(await kept({ executor: 'api', edits: 3 })).toBe(false);
  expect(await kept({ permissions: 'deny' })).toBe(true);
  expect(await kept({ checks: [{ key: 'c1', name: '', run: 'npm test', timeoutSeconds: null }] })).toBe(true);
  expect(await kept({ files: { mode: 'now', commit: '' } })).toBe(true);
});

test('a draft of an earlier version is taken up: the API answers it', async () => {
  const added = ['executor', 'place', 'files', 'permissions', 'allowRecorded', 'setup', 'checks', 'maxTurns'];
  const old = Object.fromEntries(Object.entries(draft(1)).filter(([key]) => !added.includes(key)));
  const recalled = await new DraftStore(store([['/s\n{"turn":1}', old]])).recall('/s', { turn: 1 });
  expect(recalled).toEqual({ ...draft(1), executor: 'api' });
});
