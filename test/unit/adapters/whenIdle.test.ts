import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { notIdle, whenIdle } from '../../../src/adapters/whenIdle.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('is done once nothing has been asked for a while, and of one owner only the last', () => {
  const done: string[] = [];
  const [one, other] = [{}, {}];
  whenIdle(one, () => done.push('one'));
  whenIdle(other, () => done.push('other'));
  vi.advanceTimersByTime(200);
  whenIdle(one, () => done.push('one, read again'));
  vi.advanceTimersByTime(200);
  notIdle();
  vi.advanceTimersByTime(200);
  expect(done).toEqual([]);
  vi.advanceTimersByTime(100);
  expect(done.sort()).toEqual(['one, read again', 'other']);
  vi.advanceTimersByTime(1000);
  expect(done).toHaveLength(2);
  whenIdle(one, () => done.push('later'));
  vi.advanceTimersByTime(300);
  expect(done.at(-1)).toBe('later');
});

it('is done when the process ends, which it does not hold up', () => {
  const module = new URL('../../../src/adapters/whenIdle.ts', import.meta.url).href;
  const script = `import { whenIdle } from ${JSON.stringify(module)}; whenIdle({}, () => console.log('done')); process.exitCode = 3;`;
  const flags = ['--experimental-transform-types', '--no-warnings', '--input-type=module', '-e'];
  const { stdout, status } = spawnSync(process.execPath, [...flags, script], { encoding: 'utf8' });
  expect([stdout, status]).toEqual(['done\n', 3]);
});
