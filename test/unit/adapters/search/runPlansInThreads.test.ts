import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fileStamp } from '../../../../src/adapters/fileStamp.ts';
import { wholeFile } from '../../../../src/adapters/search/fileSearcher.ts';
import type { FilePlan } from '../../../../src/adapters/search/planSearch.ts';
import type { PlanResult } from '../../../../src/adapters/search/runPlans.ts';
import { runPlansInThreads, startScanThreads } from '../../../../src/adapters/search/runPlansInThreads.ts';
import type { ScanTask } from '../../../../src/adapters/search/scanThread.ts';
import { untilExit } from '../../../../src/adapters/workerThreads.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forkpoint-threads-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Files of which every third holds the word. @param bytes what a file is said to hold: whether threads are worth it goes by that */
function plans(count: number, bytes: number): FilePlan[] {
  return Array.from({ length: count }, (_, at) => {
    const file = join(folder, `${at}.jsonl`);
    const content = at % 3 === 0 ? 'a quixotic prompt' : 'a prompt';
    writeFileSync(file, `${JSON.stringify({ type: 'user', uuid: `u${at}`, message: { role: 'user', content } })}\n`);
    const state = fileStamp(file);
    if (state === null) throw new Error('The file is not there.');
    return { file, sessionFile: file, state, pieces: [wholeFile], bytes };
  });
}

async function run(given: readonly FilePlan[], signal?: AbortSignal): Promise<PlanResult[]> {
  const results: PlanResult[] = [];
  for await (const result of runPlansInThreads(given, 'quixotic', null, signal)) results.push(result);
  return results.sort((a, b) => a.at - b.at);
}

test.each([
  ['one thread', 10],
  ['several threads', 100_000_000],
])('%s give one result for each file', async (_name, bytes) => {
  const results = await run(plans(200, bytes));
  expect(results.map(({ at }) => at)).toEqual(Array.from({ length: 200 }, (_, at) => at));
  expect(results.filter(({ found }) => found.length > 0).map(({ at }) => at)).toEqual(
    Array.from({ length: 67 }, (_, at) => at * 3),
  );
});

test('a file that can’t be read is said to have failed, one that is gone is not', async () => {
  const given = plans(3, 100_000_000);
  rmSync(given[1]?.file as string);
  const results = await run(
    given.map((plan, at) => (at === 2 ? { ...plan, file: join(folder, 'x'.repeat(300)) } : plan)),
  );
  expect(results.map(({ failed }) => failed)).toEqual([false, false, true]);
});

test('nothing comes after the search was called off', async () => {
  const stop = new AbortController();
  const results: PlanResult[] = [];
  for await (const result of runPlansInThreads(plans(500, 1_000_000), 'quixotic', null, stop.signal)) {
    results.push(result);
    stop.abort();
  }
  expect(results).toHaveLength(1);
});

test('a thread of its own finds the same', async () => {
  const given = plans(120, 10);
  const task: ScanTask = {
    plans: given.map(({ file, pieces }) => ({ file, pieces })),
    text: 'quixotic',
    next: new Int32Array(new SharedArrayBuffer(4)),
  };
  const [thread] = await startScanThreads(1);
  const results: PlanResult[] = [];
  thread?.on('message', (batch: PlanResult[]) => results.push(...batch));
  thread?.postMessage(task);
  if (thread !== undefined) await untilExit(thread);
  expect(results).toEqual(await run(given));
});
