import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { absolutePath, baseName, pathInside } from '../../../../src/core/files/filePaths.ts';

describe('paths of a recording', () => {
  it.each<[string | null, string, string | null]>([
    ['/work', 'a.txt', '/work/a.txt'],
    ['/work', './src//a.txt', '/work/src/a.txt'],
    ['/work', '../a.txt', '/a.txt'],
    ['/work', '../../../../etc/passwd', '/etc/passwd'],
    ['/work', '/etc/../a.txt', '/a.txt'],
    ['/work', 'C:\\a.txt', 'C:\\a.txt'],
    ['C:\\work', 'src/a.txt', 'C:\\work\\src\\a.txt'],
    ['C:\\work', 'D:/x/../y.txt', 'D:\\y.txt'],
    ['\\\\host\\share', 'a.txt', '\\\\host\\share\\a.txt'],
    ['/work', 'back\\slash.txt', '/work/back\\slash.txt'],
    [null, 'a.txt', null],
    ['relative', 'a.txt', null],
    ['/work', 'a\0b', null],
    ['/work', '', null],
  ])('%j and %j make %j', (folder, path, expected) => {
    expect(absolutePath(folder, path)).toBe(expected);
  });

  it.each<[string | null, string, string | null]>([
    ['/work', '/work/src/a.txt', 'src/a.txt'],
    ['/work/', '/work/a.txt', 'a.txt'],
    ['/work', '/workshop/a.txt', null],
    ['/work', '/work', null],
    ['/', '/a.txt', 'a.txt'],
    ['C:\\work', 'C:\\work\\src\\a.txt', 'src/a.txt'],
    [null, '/a.txt', null],
  ])('in %j, %j is %j', (folder, path, expected) => {
    expect(pathInside(folder, path)).toBe(expected);
  });

  it('never climb out of the root, nor end inside the folder by accident', () => {
    const segment = fc.constantFrom('..', '.', 'a', 'b', '');
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 12 }), (segments) => {
        const path = absolutePath('/work/slug', segments.join('/') || '.');
        expect(path).not.toMatch(/\.\.|\/\/|.\/$/);
      }),
    );
  });

  it('end in a name', () => {
    expect([baseName('/a/b.txt'), baseName('C:\\a\\b.txt'), baseName('b.txt'), baseName('/a/b\\c')]).toEqual([
      'b.txt',
      'b.txt',
      'b.txt',
      'b\\c',
    ]);
  });
});
