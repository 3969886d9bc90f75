import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startSummaryThreads, summarizeInThreads } from '../../../../src/adapters/sessions/summarizeInThreads.ts';
import type { FileSummary, SummaryTask } from '../../../../src/adapters/sessions/summarizeSome.ts';
import { untilExit } from '../../../../src/adapters/workerThreads.ts';
import { TranscriptBuilder } from '../../../support/transcript.ts';

let folder: string;
let files: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'summaries-'));
  files = Array.from({ length: 12 }, (_, index) => {
    const builder = new TranscriptBuilder();
    for (let turn = 0; turn <= index; turn += 1) builder.prompt(`Prompt ${turn}`);
    const file = join(folder, `session-${index}.jsonl`);
    writeFileSync(file, builder.text());
    return file;
  });
});

afterEach(() => rmSync(folder, { recursive: true }));

const turnsOf = (found: readonly FileSummary[]) =>
  new Map(found.map(({ file, summary }) => [file, summary?.turns ?? null]));
const expected = () => new Map(files.map((file, index) => [file, index + 1]));

it('a thread of its own reads what this one has not taken', async () => {
  const next = new Int32Array(new SharedArrayBuffer(4));
  Atomics.store(next, 0, 3);
  const found: FileSummary[] = [];
  const [thread] = await startSummaryThreads(1);
  thread?.on('message', (some: FileSummary[]) => found.push(...some));
  thread?.postMessage({ files, next } satisfies SummaryTask);
  if (thread !== undefined) await untilExit(thread);
  expect(turnsOf(found)).toEqual(new Map([...expected()].slice(3)));
});

it('together they read each file once, and leave out what can’t be read', async () => {
  const missing = join(folder, 'missing.jsonl');
  const found: FileSummary[] = [];
  for await (const one of summarizeInThreads([missing, ...files], await startSummaryThreads(2))) found.push(one);
  expect(found).toHaveLength(files.length);
  expect(turnsOf(found)).toEqual(expected());
});

it('stops when it is told to', async () => {
  const reading = summarizeInThreads(files, [], AbortSignal.abort(new Error('enough')));
  await expect(reading.next()).rejects.toThrow('enough');
});
