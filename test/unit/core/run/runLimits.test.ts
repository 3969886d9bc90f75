import { describe, expect, it } from 'vitest';
import { RunLimits } from '../../../../src/core/run/runLimits.ts';
import { Slots } from '../../../../src/core/run/slots.ts';
import { ManualClock } from '../../../support/memoryStores.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('limits that change', () => {
  it.each([
    ['later', 120, 119, 1],
    ['earlier', 30, 29, 1],
  ])('end a branch at the %s time, counted from its start', async (_what, timeoutSeconds, before, rest) => {
    const clock = new ManualClock();
    const limits = new RunLimits({ budgetUsd: null, timeoutSeconds: 60 });
    const startedAt = clock.now();
    let over = false;
    const sleep = (ms: number, changed: Promise<void>) => Promise.race([clock.sleep(ms), changed]);
    void limits
      .timeIsUp(() => clock.now() - startedAt, sleep)
      .then(() => {
        over = true;
      });
    clock.advance(20_000);
    limits.change({ timeoutSeconds });
    await settled();
    clock.advance((before - 20) * 1000);
    await settled();
    expect(over).toBe(false);
    clock.advance(rest * 1000);
    await settled();
    expect(over).toBe(true);
  });

  it('hand out more slots at once, and fewer as they come back', async () => {
    const slots = new Slots(1);
    const taken: (() => void)[] = [];
    for (let index = 0; index < 5; index += 1) void slots.take().then((release) => taken.push(release));
    await settled();
    expect(taken).toHaveLength(1);
    slots.resize(3);
    await settled();
    expect(taken).toHaveLength(3);
    slots.resize(1);
    for (const release of taken.splice(0, 2)) release();
    await settled();
    expect(taken).toHaveLength(1);
    taken.pop()?.();
    await settled();
    expect(taken).toHaveLength(1);
  });
});
