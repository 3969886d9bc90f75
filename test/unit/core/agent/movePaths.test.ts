import { describe, expect, it } from 'vitest';
import { pathMover } from '../../../../src/core/agent/movePaths.ts';
import type { Json } from '../../../../src/core/canonicalJson.ts';
import { projectFolderName } from '../../../../src/core/session/projectFolderName.ts';

const move = pathMover({ from: '/a/b', to: '/place/b', except: ['/a/b/.claude'] });

describe('moved paths', () => {
  it('are moved as whole names only', () => {
    expect(move('/a/b')).toBe('/place/b');
    expect(move('cat /a/b/c.txt "/a/b" /a/b: (/a/b), file:///a/b/x. /a/b.')).toBe(
      'cat /place/b/c.txt "/place/b" /place/b: (/place/b), file:///place/b/x. /place/b.',
    );
    for (const other of [
      '/a/bc',
      '/a/b.txt',
      '/a/b-2/x',
      '/a/b_',
      '/x/a/b',
      '/a/b+c',
      '/a/b@2',
      '~/a/b',
      '/a/bü',
      '../a/b',
    ])
      expect(move(other), other).toBe(other);
  });

  it('are moved at every depth, names of members included', () => {
    expect(move({ '/a/b/x': [{ input: { file_path: '/a/b/y' } }, 1, null, true] })).toEqual({
      '/place/b/x': [{ input: { file_path: '/place/b/y' } }, 1, null, true],
    });
  });

  it('stay in thinking, which is signed, and in pictures', () => {
    const kept: Json = [
      { type: 'thinking', thinking: 'in /a/b', signature: 's' },
      { type: 'redacted_thinking', data: '/a/b' },
      { type: 'image', source: { type: 'base64', data: '/a/b/' } },
      { type: 'image', file: { base64: '/a/b/' } },
    ];
    expect(move(kept)).toBe(kept);
  });

  it('stay where an exception is named', () => {
    expect(move('/a/b/.claude/projects/x /a/b/.claude /a/b/.claudette')).toBe(
      '/a/b/.claude/projects/x /a/b/.claude /place/b/.claudette',
    );
  });

  it('may hold signs that mean something in patterns', () => {
    const odd = pathMover({ from: '/a (1)/b+$c[d]', to: '/t', except: [] });
    expect(odd('/a (1)/b+$c[d]/x')).toBe('/t/x');
    expect(pathMover({ from: '/a/b', to: '/t/$&$1', except: [] })('/a/b/x')).toBe('/t/$&$1/x');
    expect(pathMover({ from: 'C:\\p', to: 'D:\\q', except: [] })('in C:\\p\\x')).toBe('in D:\\q\\x');
  });
});

describe('the folder of a project’s sessions', () => {
  it('is named like its path', () => {
    expect(projectFolderName('/home/sam/my_app.v2')).toBe('-home-sam-my-app-v2');
    expect(projectFolderName('/ünter')).toBe('--nter');
  });

  it('has a name of bounded length', () => {
    const long = `/${'abcdefghi/'.repeat(30)}end`;
    const name = projectFolderName(long);
    expect(name.slice(0, 200)).toBe(long.slice(0, 200).replaceAll('/', '-'));
    expect(name.slice(200)).toMatch(/^-[0-9a-z]{1,7}$/);
    expect(projectFolderName(`${long}x`)).not.toBe(name);
    expect(projectFolderName('/'.repeat(200))).toBe('-'.repeat(200));
  });
});
