import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const folder = path.resolve(import.meta.dirname, '../..');
const table = readFileSync(path.join(folder, 'FAULTS.md'), 'utf8');
const rows = Array.from(table.matchAll(/^\| (\d+) \|.*\| ([^|]+) \|$/gm), ([, number = '', files = '']) => ({
  number,
  files: Array.from(files.matchAll(/`(\w+)`/g), ([, name = '']) => name),
}));
/** Numbers of faults in the names of tests, by the name of their file. */
const tested = new Map<string, Set<string>>();
for (const file of globSync('**/*.{test,e2e}.ts', { cwd: folder })) {
  const numbers = Array.from(
    readFileSync(path.join(folder, file), 'utf8').matchAll(/['(]fault (\d+)/g),
    ([, n = '']) => n,
  );
  const name = path.basename(file).split('.')[0] ?? '';
  if (numbers.length > 0) tested.set(name, new Set([...(tested.get(name) ?? []), ...numbers]));
}

test('every fault that a test names stands in test/FAULTS.md, once', () => {
  const numbers = rows.map(({ number }) => Number(number));
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index + 1));
  expect(new Set([...tested.values()].flatMap((found) => [...found]))).toEqual(new Set(numbers.map(String)));
});

test.each(rows)('fault $number is tested where test/FAULTS.md says so', ({ number, files }) => {
  expect(files).not.toEqual([]);
  expect(files.filter((file) => !tested.get(file)?.has(number))).toEqual([]);
});
