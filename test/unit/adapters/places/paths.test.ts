import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isSensitivePath } from '../../../../src/adapters/claudeCode/isSensitivePath.ts';
import { isInside } from '../../../../src/adapters/isInside.ts';
import { ChangeNotes, someOf } from '../../../../src/adapters/places/fileVersions.ts';
import { Layers } from '../../../../src/adapters/places/layers.ts';
import { LifeMarks } from '../../../../src/adapters/places/lifeMarks.ts';
import { escapedPath } from '../../../../src/adapters/places/overlayRuns.ts';
import { alternatesLine } from '../../../../src/adapters/places/ownRepository.ts';
import { resolveIn } from '../../../../src/adapters/places/resolveIn.ts';
import { ignorePattern } from '../../../../src/adapters/places/snapshots.ts';
import { startOf } from '../../../../src/adapters/processStart.ts';
import { PlaceError } from '../../../../src/core/errors.ts';

let root = '';

beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'place-paths-')));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(name: string, text = name): void {
  mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
  writeFileSync(path.join(root, name), text);
}

describe('isInside', () => {
  it.each([
    ['/a', '/a', true],
    ['/a', '/a/b/c', true],
    ['/a', '/ab', false],
    ['/a', '/', false],
    ['/a/b', '/a', false],
    ['/a', '/a/..b', true],
    ['/a', '/a/../b', false],
    ['/', '/x', true],
  ])('%s holds %s: %s', (folder, file, expected) => expect(isInside(folder, file)).toBe(expected));
});

describe('isSensitivePath', () => {
  it.each([
    '/p/.git/hooks/x',
    '/p/.claude/settings.json',
    '/p/.vscode/tasks.json',
    '/p/sub/.vscode/tasks.json',
    '/p/.GIT/config',
    '/p/.g\u200cit/config',
    '/p/.git./config',
    '/p/git~1/config',
    '/p/.git',
    '/p/src/../.git/x',
  ])('%s is', (file) => expect(isSensitivePath('/p', file)).toBe(true));

  it.each(['/p/.gitignore', '/p/src/a.ts', '/p/.github/x', '/p/git/x', '/p/claude/x', '/p/.claude.md'])(
    '%s is not',
    (file) => expect(isSensitivePath('/p', file)).toBe(false),
  );

  it('counts names inside of the root only', () => {
    expect(isSensitivePath('/home/.claude/worktrees/w', '/home/.claude/worktrees/w/a.ts')).toBe(false);
    expect(isSensitivePath('/p', '/home/me/.claude/settings.json')).toBe(true);
  });
});

describe('Layers', () => {
  const layers = (opaque: string[] = []): Layers =>
    new Layers([
      { folder: path.join(root, 'upper'), opaque: new Set(opaque) },
      { folder: path.join(root, 'lower'), opaque: new Set<string>() },
    ]);

  beforeEach(() => {
    write('lower/same', 'lower');
    write('lower/d/below', 'lower');
    write('lower/d/inner/deep', 'lower');
    write('lower/turned', 'lower');
    write('upper/same', 'upper');
    write('upper/d/own', 'upper');
    write('upper/turned/inner', 'upper');
  });

  it('shows the uppermost', async () => {
    expect((await layers().find('same'))?.file).toBe(path.join(root, 'upper/same'));
    expect((await layers().find('d/below'))?.file).toBe(path.join(root, 'lower/d/below'));
    expect(await layers().find('d/nothing')).toBeNull();
    expect(await layers().find('same/x')).toBeNull();
    expect(await layers().names('d')).toEqual(['below', 'inner', 'own']);
  });

  it('shows nothing through folders that hide', async () => {
    expect(await layers(['d']).find('d/below')).toBeNull();
    expect(await layers(['d']).find('d/inner/deep')).toBeNull();
    expect(await layers(['d']).names('d')).toEqual(['own']);
    expect(await layers().names('turned')).toEqual(['inner']);
  });

  it('lists files, but not of repositories inside', async () => {
    write('lower/d/inner/.git/HEAD');
    write('lower/.git/HEAD');
    const names: string[] = [];
    for await (const { name } of layers().files('')) names.push(name);
    expect(names).toEqual(['d/below', 'd/own', 'same', 'turned/inner']);
  });
});

describe('resolveIn', () => {
  it('follows links as the layers show them', async () => {
    write('project/dir/file');
    mkdirSync(path.join(root, 'upper'), { recursive: true });
    symlinkSync('dir', path.join(root, 'upper/made'));
    symlinkSync('/elsewhere', path.join(root, 'upper/out'));
    symlinkSync('b', path.join(root, 'upper/a'));
    symlinkSync('a', path.join(root, 'upper/b'));
    const project = path.join(root, 'project');
    const none = new Set<string>();
    const layers = new Layers([
      { folder: path.join(root, 'upper'), opaque: none },
      { folder: project, opaque: none },
    ]);
    const resolve = async (name: string) =>
      (await resolveIn([{ folder: project, layers }], `${project}/${name}`))?.file;
    expect(await resolve('made/file')).toBe(`${project}/dir/file`);
    expect(await resolve('made/new/er')).toBe(`${project}/dir/new/er`);
    expect(await resolve('made/../dir')).toBe(`${project}/dir`);
    expect(await resolve('out/x')).toBe('/elsewhere/x');
    expect(await resolve('a/x')).toBeUndefined();
    expect(await resolve('dir/../../x')).toBe(`${root}/x`);
  });
});

describe('LifeMarks', () => {
  it('tell the living from the dead', () => {
    const marks = new LifeMarks(path.join(root, 'living'));
    expect(marks.isLived()).toBe(false);
    const mark = marks.take('one');
    expect(marks.isLived()).toBe(true);
    expect(() => marks.take('one')).toThrow(PlaceError);
    marks.take('other').release();
    mark.release();
    expect(marks.isLived()).toBe(false);
    // The same id, but of a process that started another time.
    writeFileSync(path.join(root, 'living/one'), JSON.stringify({ pid: process.pid, started: 'x', token: 't' }));
    expect(marks.isLived()).toBe(false);
    const taken = marks.take('one');
    taken.giveTo(process.ppid);
    expect(marks.isLived()).toBe(true);
    taken.release();
    expect(marks.isLived()).toBe(false);
  });

  it('know no process of an id that nobody has', () => {
    expect(startOf(2 ** 22 + 1)).toBeNull();
    expect(startOf(process.pid)).toBe(startOf(process.pid));
  });
});

describe('texts for git and the shell', () => {
  it('hold any path', () => {
    expect(escapedPath('/a b/é\n%')).toBe('/a\\0040b/\\0303\\0251\\0012\\0045');
    expect(ignorePattern('a b/*[x]?\\!#')).toBe('/a\\ b/\\*\\[x\\]\\?\\\\\\!\\#');
    expect(alternatesLine('/plain, path')).toBe('/plain, path\n');
    expect(alternatesLine('/with\n"line"')).toBe('"/with\\n\\"line\\""\n');
  });
});

describe('notes on changes', () => {
  it('name some, and count the others', () => {
    expect(someOf(['a', 'b'])).toBe('a, b');
    expect(someOf(['a', 'b', 'c', 'd', 'e', 'f', 'g'])).toBe('a, b, c, d, e and 2 others');
  });

  it('name new files that collide', () => {
    const notes = new ChangeNotes();
    notes.collidingNames(['A', 'e\u0301', 'x'], ['a', 'A', '\u00e9', 'e\u0301', 'x', 'y']);
    expect(notes.sentences()).toEqual([
      'One file on systems that ignore case or Unicode forms: A and a, e\u0301 and \u00e9.',
    ]);
  });
});
