import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { NotFoundError } from '../../../../src/core/errors.ts';
import type { RunId } from '../../../../src/core/ids.ts';
import type { RunView } from '../../../../src/core/run/runView.ts';
import { type RunChange, RunList } from '../../../../src/views/runTree/runList.ts';
import type { ViewServices } from '../../../../src/views/viewServices.ts';
import { run } from '../support/runs.ts';

const first = run();
const second = run({ runId: 'r-2' as RunId, createdAt: '2026-11-20T11:00:00Z', state: 'running' });

/** Runs in memory; `touch` is what a grown log does. */
function fixture() {
  const stored = new Map<RunId, RunView>([first, second].map((view) => [view.runId, view]));
  const reads: RunId[] = [];
  let touch: (runId: RunId) => void = () => {};
  const forks = {
    runs: async () => [...stored.values()],
    run: async (runId: RunId) => {
      reads.push(runId);
      const view = stored.get(runId);
      if (view === undefined) throw new NotFoundError('gone', '');
      return view;
    },
    watch: (listener: (runId: RunId) => void) => {
      touch = listener;
      return { dispose: () => {} };
    },
  };
  const services = {
    get: async () => ({ forks }) as unknown as ViewServices,
    onDidReplace: () => ({ dispose: () => {} }),
  };
  const list = new RunList(services, () => {});
  const told: RunChange[][] = [];
  list.onDidChange((changes) => told.push([...changes]));
  return { list, stored, reads, told, touch: (runId: RunId) => touch(runId) };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('lists the newest first', async () => {
  const { list } = fixture();
  await list.load();
  expect(list.runs.map(({ runId }) => runId)).toEqual(['r-2', 'r-1']);
  list.dispose();
});

it('reads a run once however often its log grew, and tells before and after', async () => {
  const { list, stored, reads, told, touch } = fixture();
  await list.load();
  const ended = { ...second, state: 'completed' as const };
  stored.set(second.runId, ended);
  for (let count = 0; count < 20; count++) touch(second.runId);
  await vi.advanceTimersByTimeAsync(250);
  expect(reads).toEqual(['r-2']);
  expect(told.at(-1)).toEqual([{ runId: 'r-2', before: second, after: ended }]);
  list.dispose();
});

it('drops a run that was deleted', async () => {
  const { list, stored, told, touch } = fixture();
  await list.load();
  stored.delete(first.runId);
  touch(first.runId);
  await vi.advanceTimersByTimeAsync(250);
  expect(told.at(-1)).toEqual([{ runId: 'r-1', before: first, after: null }]);
  expect(list.find(first.runId)).toBeUndefined();
  list.dispose();
});

it('looks at runs under way now and then, and at no others', async () => {
  const { list, stored, reads } = fixture();
  await list.load();
  await vi.advanceTimersByTimeAsync(5_250);
  expect(reads).toEqual(['r-2']);
  stored.set(second.runId, { ...second, state: 'failed' });
  await vi.advanceTimersByTimeAsync(5_250);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(reads).toEqual(['r-2', 'r-2']);
  list.dispose();
});
