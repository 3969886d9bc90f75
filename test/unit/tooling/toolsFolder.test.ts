import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { newPartialFolder, onPath, pins, toolsFolder, withLock } from '../../../scripts/tools/toolsFolder.ts';
import { toolPath } from '../../../scripts/tools.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'forkpoint-tools-'));
  vi.stubEnv('FORKPOINT_TOOLS', folder);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

test('FORKPOINT_TOOLS moves the cache, which else is outside of the checkout', () => {
  expect(toolsFolder()).toBe(folder);
  vi.stubEnv('FORKPOINT_TOOLS', '');
  vi.stubEnv('XDG_CACHE_HOME', '/somewhere');
  expect(toolsFolder()).toBe('/somewhere/forkpoint-tools');
});

test('a tool that is not there says how to get it', () => {
  for (const name of Object.keys(pins.npm)) expect(() => toolPath(name)).toThrow(`npm run tools ${name}`);
});

test('two who install the same tool do it one after the other', async () => {
  const steps: string[] = [];
  let release = () => {};
  const first = withLock('x', async () => {
    steps.push('first begins');
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    steps.push('first ends');
  });
  await vi.waitFor(() => expect(steps).toEqual(['first begins']));
  vi.spyOn(console, 'log').mockImplementation(() => {});
  const second = withLock('x', async () => void steps.push('second'));
  release();
  await Promise.all([first, second]);
  expect(steps).toEqual(['first begins', 'first ends', 'second']);
  expect(readdirSync(folder)).toEqual([]);
});

test('the lock of a process that is gone, or of one that never wrote its number, is taken over', async () => {
  // Beyond the largest number that Linux gives to a process.
  writeFileSync(path.join(folder, '.x.lock'), '99999999');
  expect(await withLock('x', async () => 'done')).toBe('done');
  writeFileSync(path.join(folder, '.x.lock'), '');
  expect(await withLock('x', async () => 'done')).toBe('done');
});

test('what an interrupted installation left is removed before the next begins', async () => {
  mkdirSync(path.join(folder, '.partial-x-1/node_modules'), { recursive: true });
  mkdirSync(path.join(folder, '.partial-y-1'));
  const partial = await newPartialFolder('x');
  expect(readdirSync(folder).sort()).toEqual([path.basename(partial), '.partial-y-1'].sort());
});

test('programs in node_modules don’t count as the machine’s', () => {
  mkdirSync(path.join(folder, 'node_modules/.bin'), { recursive: true });
  writeFileSync(path.join(folder, 'node_modules/.bin/temporal'), '');
  vi.stubEnv('PATH', path.join(folder, 'node_modules/.bin'));
  expect(onPath('temporal')).toBeNull();
  writeFileSync(path.join(folder, 'temporal'), '');
  vi.stubEnv('PATH', folder);
  expect(onPath('temporal')).toBe(path.join(folder, 'temporal'));
});
