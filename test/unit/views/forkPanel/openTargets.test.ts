import { expect, test } from 'vitest';
import { OpenTargets } from '../../../../src/views/forkPanel/openTargets.ts';

const [first, second] = [
  { session: '/a.jsonl', at: { turn: 1 } },
  { session: '/b.jsonl', at: { after: 'x' } },
];

function store(value?: unknown) {
  let kept = value;
  return { get: async () => kept, update: async (_key: string, next: unknown) => void (kept = next) };
}

test('panels that come back without their state are known from the window before', async () => {
  const memory = store();
  await new OpenTargets(memory).keep([first, second]);
  const targets = new OpenTargets(memory);
  // The panels of this window don't hide those of the one before.
  await targets.keep([]);
  await targets.found(first);
  expect([await targets.take(), await targets.take()]).toEqual([second, null]);
});

test.each([undefined, 'x', [{ session: '' }], [{ session: 's', at: { nowhere: 1 } }]])(
  'damaged memory %j is no memory',
  async (value) => {
    expect(await new OpenTargets(store(value)).take()).toBeNull();
  },
);
