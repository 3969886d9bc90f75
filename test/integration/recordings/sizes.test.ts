import { beforeAll, expect, it } from 'vitest';
import type { ForkPoint } from '../../../src/core/fork/forkRequest.ts';
import { labelOf, storeOf } from '../../support/openRecordings.ts';
import { type RecordedScenario, recordEverySession } from '../../support/recordSessions.ts';

let all: RecordedScenario[] = [];

beforeAll(async () => {
  all = await recordEverySession();
}, 600_000);

it('no fork of a real recording is said to differ in size from what was sent', async () => {
  let reconstructed = 0;
  for (const recorded of all) {
    const store = storeOf(recorded);
    for (const file of recorded.sessions) {
      const open = await store.open(file);
      for (const { index, steps } of open.session.turns) {
        const points: ForkPoint[] = [
          { turn: index },
          ...steps.slice(1).map(({ uuids }) => ({ before: uuids[0] ?? '' })),
        ];
        for (const point of points) {
          const context = await open.forkAt(point, 0).catch(() => null);
          if (context === null || context.rebuilt.fidelity === 'exact') continue;
          reconstructed += 1;
          const found = context.rebuilt.missing.filter((text) => text.startsWith('the recorded request was'));
          expect(found, `${labelOf(recorded, file)} ${JSON.stringify(point)}`).toEqual([]);
        }
      }
    }
  }
  expect(reconstructed).toBeGreaterThan(100);
});
