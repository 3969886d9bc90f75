import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/adapters/systemClock.ts';

describe('the clock of the system', () => {
  it('sleeps, and wakes with the reason when it is told to', async () => {
    const before = systemClock.monotonic();
    await systemClock.sleep(5);
    expect(systemClock.monotonic()).toBeGreaterThan(before);
    const stop = new AbortController();
    const sleeping = systemClock.sleep(60_000, stop.signal);
    stop.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    await expect(systemClock.sleep(60_000, stop.signal)).rejects.toThrow('enough');
  });
});
