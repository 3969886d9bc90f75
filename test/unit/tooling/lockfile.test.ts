import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Lockfile, missingPlatforms } from '../../../scripts/completeLockfile.ts';

const file = path.resolve(import.meta.dirname, '../../../package-lock.json');
const lockfile = JSON.parse(readFileSync(file, 'utf8')) as Lockfile;

test('the lockfile holds the packages of every platform, so that npm ci takes it everywhere (npm run lock mends it)', () => {
  expect(missingPlatforms(lockfile)).toEqual({});
});

test('the lockfile holds no download address', () => {
  const resolved = Object.entries(lockfile.packages).filter(([, entry]) => entry.resolved !== undefined);
  expect(resolved.map(([name]) => name)).toEqual([]);
});

test('a package for another platform is found missing, with its version and platform', () => {
  const asking = {
    version: '1.0.0',
    dev: true,
    optionalDependencies: { '@a/b-linux-x64-musl': '1.0.0', '@a/b-win32-ia32-msvc': '1.0.0' },
  };
  const packages = {
    'node_modules/x/node_modules/a': asking,
    'node_modules/@a/b-win32-ia32-msvc': { version: '1.0.0' },
  };
  expect(missingPlatforms({ packages })).toEqual({
    'node_modules/@a/b-linux-x64-musl': {
      version: '1.0.0',
      cpu: ['x64'],
      libc: ['musl'],
      os: ['linux'],
      dev: true,
      optional: true,
    },
  });
});
