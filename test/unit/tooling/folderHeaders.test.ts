import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../../..');
const files = globSync('src/**/*.ts', { cwd: root }).map((file) => file.split(path.sep).join('/'));
const folders = Map.groupBy(files, (file) => path.posix.dirname(file));
const large = [...folders].filter(([, own]) => own.length >= 3).sort(([a], [b]) => (a < b ? -1 : 1));

/** The comment that a file begins with, of which the first line names the folder; null where there is none. */
function headerOf(folder: string, file: string): string[] | null {
  const lines = readFileSync(path.join(root, file), 'utf8')
    .replace(/^#!.*\n/, '')
    .split('\n');
  if (lines[0]?.startsWith(`// ${folder}: `) !== true) return null;
  return lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith('//')),
  );
}

test.each(large)('%s says in one file, in at most five lines, what lives there and what stays out', (folder, own) => {
  const headers = own.flatMap((file) => {
    const header = headerOf(folder, file);
    return header === null ? [] : [{ file, header }];
  });
  expect(headers.map(({ file }) => file)).toHaveLength(1);
  const header = headers[0]?.header ?? [];
  expect(header.length).toBeLessThanOrEqual(5);
  expect(header.join(' ')).toMatch(/\b(?:no|nor|nothing|nobody|not|never|only|belongs?|business|stays? out)\b/i);
});
