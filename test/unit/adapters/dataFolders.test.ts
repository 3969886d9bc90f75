import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claudeDirsOf } from '../../../src/adapters/dataFolders.ts';

describe('config folders that are given', () => {
  it.each([
    ['~', homedir()],
    ['~/.claude', join(homedir(), '.claude')],
    ['~other/x', resolve('~other/x')],
    ['/a/~', '/a/~'],
    ['a', resolve('a')],
  ])('%s is %s', (given, expected) => {
    expect(claudeDirsOf([given])).toEqual([expected]);
  });
});
