import { mkdtemp, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, vi } from 'vitest';
import { FolderTouch } from '../../../../src/adapters/runs/folderTouch.ts';

const long = new Date('2001-01-01T00:00:00Z');

it('touches a folder at once, then once for all that comes within a moment, and minds none that is gone', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'forkpoint-touch-'));
  const age = async () => (await stat(folder)).mtimeMs;
  const touch = new FolderTouch(folder);
  await utimes(folder, long, long);
  await touch.soon();
  expect(await age()).toBeGreaterThan(long.getTime());
  await utimes(folder, long, long);
  await Promise.all([touch.soon(), touch.soon()]);
  expect(await age()).toBe(long.getTime());
  await vi.waitFor(async () => expect(await age()).toBeGreaterThan(long.getTime()), 2_000);
  await touch.soon();
  await rm(folder, { recursive: true });
  // Nothing is thrown where nobody would catch it.
  await new Promise((resolve) => setTimeout(resolve, 150));
});
