import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bundledFiles, packageFolderOf, thirdPartyNotices } from '../../../scripts/thirdPartyNotices.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'forkpoint-notices-'));
});
afterEach(() => rm(root, { recursive: true }));

/** @returns a file of the package */
async function pack(name: string, license: unknown, texts: Record<string, string>, below = ''): Promise<string> {
  const folder = path.join(root, below, 'node_modules', name);
  await mkdir(path.join(folder, 'lib'), { recursive: true });
  await writeFile(path.join(folder, 'package.json'), JSON.stringify({ name, version: '1.2.3', license }));
  for (const [file, text] of Object.entries(texts)) await writeFile(path.join(folder, file), text);
  return path.join(folder, 'lib/index.js');
}

test('each package stands there once, with all its texts, and nothing of ours', async () => {
  const zed = await pack('zed', 'MIT', { LICENSE: 'Zed’s terms\r\n' });
  const scoped = await pack('@a/b', '(MPL-2.0 OR Apache-2.0)', { 'license.md': 'Terms of b', NOTICE: 'Notice of b' });
  const nested = await pack('zed', 'ISC', { COPYING: 'Older terms' }, 'node_modules/@a/b');
  const text = thirdPartyNotices([zed, zed, scoped, nested, path.join(root, 'src/main.ts')]);
  const order = ['@a/b 1.2.3', 'Notice of b', 'Terms of b', 'zed 1.2.3 (', 'zed 1.2.3 ('];
  expect(text.match(/@a\/b 1\.2\.3|Notice of b|Terms of b|zed 1\.2\.3 \(/g)).toEqual(order);
  expect(text).toContain('Zed’s terms');
  expect(text).toContain('Older terms');
  expect(text).not.toContain('\r');
});

test('a package without a licence text, or with terms that nobody accepted, fails the build', async () => {
  const files = [
    await pack('bare', 'MIT', {}),
    await pack('viral', 'GPL-3.0', { LICENSE: 'Terms' }),
    await pack('both', 'MIT AND GPL-3.0', { LICENSE: 'Terms' }),
    await pack('unknown', undefined, { LICENSE: 'Terms' }),
  ];
  expect(() => thirdPartyNotices(files)).toThrow(
    /bare 1\.2\.3 brings no licence text[\s\S]*both 1\.2\.3: “MIT AND GPL-3\.0”[\s\S]*unknown 1\.2\.3: “”[\s\S]*viral 1\.2\.3: “GPL-3\.0”/,
  );
});

test('only what is in a bundle counts', () => {
  const inputs = { 'node_modules/used/a.js': { bytesInOutput: 7 }, 'node_modules/dropped/a.js': { bytesInOutput: 0 } };
  expect(bundledFiles({ outputs: { 'dist/a.js': { inputs } } }, '/work')).toEqual(['/work/node_modules/used/a.js']);
});

test.each([
  ['/work/src/a.ts', null],
  ['/work/node_modules/a/lib/b.js', '/work/node_modules/a'],
  ['/work/node_modules/@s/a/b.js', '/work/node_modules/@s/a'],
  ['/work/node_modules/a/node_modules/b/c.js', '/work/node_modules/a/node_modules/b'],
])('%s belongs to %s', (file, folder) => {
  expect(packageFolderOf(file)).toBe(folder);
});
