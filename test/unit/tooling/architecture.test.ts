import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../../..');
const map = readFileSync(path.join(root, 'ARCHITECTURE.md'), 'utf8');
const rows = map.slice(map.indexOf('## Where do I change'), map.indexOf('## Decisions')).split('\n');

/** Files that a row names, below src or the root; a bare name lies in the folder of what was named before it. */
function missingIn(row: string): string[] {
  let folder = '';
  const missing: string[] = [];
  for (const [, name = ''] of row.matchAll(/`([\w./-]+(?:\.(?:ts|mjs|json)|\/))`/g)) {
    const places = [name, `src/${name}`, path.posix.join(folder, name)];
    const found = places.find((place) => existsSync(path.join(root, place)));
    if (found === undefined) missing.push(name);
    else folder = found.endsWith('/') ? found : path.posix.dirname(found);
  }
  return missing;
}

test('what ARCHITECTURE.md names under “Where do I change” is there', () => {
  expect(rows.length).toBeGreaterThan(50);
  expect(rows.flatMap(missingIn)).toEqual([]);
});
