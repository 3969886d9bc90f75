import { expect, test } from 'vitest';
import { alternate, beside, median } from '../../../bench/measure.ts';
import { callRow, wholeRow } from '../../../bench/table.ts';

const figures = (wallMs: number, megabytes: number | null) => ({
  wallMs,
  peakBytes: megabytes === null ? null : megabytes * 1e6,
  callMs: null,
  stdout: '',
});

test('a goal is reached only where time and memory both keep to it', () => {
  const reached = (time: number, memory: number | null) =>
    wholeRow('job', figures(time, memory), 'peer', figures(1000, 1000), { time: 0.3, memory: 0.2 }).reached;
  expect(reached(300, 200)).toBe(true);
  expect(reached(301, 200)).toBe(false);
  expect(reached(300, 201)).toBe(false);
  // Memory that nobody measured keeps to nothing.
  expect(reached(300, null)).toBe(false);
});

test('a row without a goal says neither', () => {
  expect(wholeRow('job', figures(1, 1), 'peer', figures(1, 1)).reached).toBeNull();
  expect(callRow('job', 1, 'peer', 1, null)).toMatchObject({ reached: null, goal: '', ratio: '1.00 × time' });
});

test('the median is the middle, or half way between the two in the middle', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([9, 1, 5, 6])).toBe(5.5);
});

test('jobs take turns', async () => {
  const order: string[] = [];
  const job = (name: string) => (round: number) => Promise.resolve(order.push(`${name}${round}`));
  expect(await alternate(2, [job('a'), job('b')])).toEqual([
    [1, 3, 5],
    [2, 4, 6],
  ]);
  expect(order.join(' ')).toBe('a0 b0 a1 b1 a2 b2');
});

test('the first run measures memory and no time, the others time', async () => {
  const times = [100, 1, 3, 2];
  const program = (memory: boolean) =>
    Promise.resolve({ wallMs: times.shift() ?? 0, peakBytes: memory ? 5 : null, callMs: null, stdout: '' });
  expect(await beside(3, [program])).toEqual([{ wallMs: 2, peakBytes: 5, callMs: null, stdout: '' }]);
});
