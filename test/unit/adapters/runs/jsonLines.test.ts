import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JsonLinesWriter } from '../../../../src/adapters/runs/jsonLines.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'forkpoint-test-'));
  file = path.join(folder, 'log.jsonl');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test('lines that come while others are written go out together, in order', async () => {
  await writeFile(file, '');
  let writes = 0;
  const writer = new JsonLinesWriter(file, async () => void (writes += 1));
  const lines = Array.from({ length: 50 }, (_, at) => ({ at }));
  await Promise.all(lines.map((line) => writer.append(line)));
  await writer.append({ at: 50 });
  const written = (await readFile(file, 'utf8')).trim().split('\n');
  expect(written.map((line) => JSON.parse(line).at)).toEqual([...lines.keys(), 50]);
  expect(writes).toBe(2);
  await writer.close();
});

test('a line is readable once it counts as written, also one that waited for others', async () => {
  await writeFile(file, '');
  const writer = new JsonLinesWriter(file);
  const seen: string[] = [];
  const append = async (name: string): Promise<void> => {
    await writer.append(name);
    if ((await readFile(file, 'utf8')).includes(name)) seen.push(name);
  };
  const first = append('first');
  await Promise.resolve();
  await Promise.all([first, append('second'), first.then(() => append('third'))]);
  expect(seen.sort()).toEqual(['first', 'second', 'third']);
  await writer.close();
});

test('where the log is gone every line fails, and the next one finds a log that came back', async () => {
  const writer = new JsonLinesWriter(file);
  const lost = await Promise.allSettled([writer.append(1), writer.append(2)]);
  expect(lost.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await writeFile(file, '');
  await writer.append(3);
  expect(await readFile(file, 'utf8')).toBe('3\n');
  await writer.close();
});
