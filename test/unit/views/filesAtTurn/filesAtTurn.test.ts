import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FileState, TurnFile, TurnFiles } from '../../../../src/core/files/fileState.ts';
import { filesReport, stateReport, summarizeFiles } from '../../../../src/views/filesAtTurn/filesReport.ts';
import { fileUri, parseFileUri } from '../../../../src/views/filesAtTurn/fileUris.ts';

const query = { file: '/claude/s.jsonl', turn: 2, path: '/work/a.ts', side: 'before' } as const;

describe('URIs of files at a turn', () => {
  it('come back as they went', () => {
    expect(parseFileUri(fileUri('src/a.ts', query).query)).toEqual(query);
    const report = { file: '/claude/s.jsonl', turn: 2, report: true } as const;
    expect(parseFileUri(fileUri('Files.md', report).query)).toEqual(report);
    const cut = { file: '/claude/s.jsonl', turn: 2, at: { after: 'u1' } };
    expect(parseFileUri(fileUri('Files.md', cut).query)).toEqual(cut);
  });

  it.each<[string, string]>([
    ['src/a.ts', '/src/a.ts'],
    ['/etc/passwd', '/etc/passwd'],
    ['C:\\work\\a.ts', '/C:/work/a.ts'],
    ['../../a.ts', '/a.ts'],
    ['//host/a.ts', '/host/a.ts'],
    ['a\u202Egnp.ts', '/agnp.ts'],
    ['..', '/untitled'],
  ])('show %j as %j', (path, shown) => {
    expect(fileUri(path, query).path).toBe(shown);
  });

  it.each([
    '',
    'null',
    '{"file":"/s","turn":0,"path":"a","side":"before"}',
    '{"file":"/s","turn":1,"path":"a","side":"now"}',
  ])('refuse %j', (text) => {
    expect(parseFileUri(text)).toBeNull();
  });

  it('have one leading slash and no dots to climb with, whatever a recording names', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (path) => {
        expect(fileUri(path, query).path).toMatch(/^\/(?!\/)/);
        expect(fileUri(path, query).path.split('/')).not.toContain('..');
      }),
    );
  });
});

const content = (certainty: 'exact' | 'likely' = 'exact'): FileState => ({
  kind: 'content',
  source: 'checkpoint',
  certainty,
  ref: 'x',
  bytes: 1234,
  sha256: '00',
  mode: '755',
});
const unknown: FileState = { kind: 'unknown', reason: 'Nothing says it.' };

function file(path: string, more: Partial<TurnFile>): TurnFile {
  return {
    path,
    file: `/work/${path}`,
    before: content(),
    after: content(),
    changed: true,
    changedBy: ['edit'],
    notes: [],
    ...more,
  };
}

function turnFiles(files: TurnFile[], warnings: string[] = []): TurnFiles {
  return { turn: 3, turnId: 'u', folder: '/work', files, warnings };
}

describe('what is said beside a diff', () => {
  it('is nothing where everything is exact', () => {
    const summary = summarizeFiles(turnFiles([file('a', {}), file('b', { changed: false, changedBy: [] })]));
    expect(summary).toMatchObject({ message: null, likely: 0, unknown: [] });
    expect(summary.changed.map(({ path }) => path)).toEqual(['a']);
  });

  it('names what is likely and what is unknown, and passes warnings on', () => {
    const files = [
      file('a', { after: content('likely') }),
      file('b', {}),
      ...['c', 'd', 'e', 'f'].map((path) => file(path, { before: unknown, changed: null })),
      file('untouched', { before: unknown, after: unknown, changed: null, changedBy: [] }),
    ];
    const { message, changed } = summarizeFiles(turnFiles(files, ['Shell commands ran.']));
    expect(message).toBe(
      '1 of 2 files is shown as it likely was. What c, d, e and 1 more file held is not recorded. Shell commands ran.',
    );
    expect(changed).toHaveLength(2);
  });
});

describe('the list of files', () => {
  it('says of every file what it was, how that is known, and what changed it', () => {
    const files = [
      file('a.ts', { before: { kind: 'absent', source: 'git', certainty: 'likely', ref: 'x' }, notes: ['A note.'] }),
      file('b.ts', { before: unknown, changed: null }),
    ];
    const text = filesReport(turnFiles(files, ['A warning.']));
    expect(text).toContain('# Files at turn 3');
    expect(text).toContain('A warning');
    const [rowA, rowB] = text.split('\n').filter((line) => /^\| [ab]/.test(line));
    expect(rowA).toMatch(
      / edit \| no such file .*likely.*git.* \| 1 kB.*mode 755.*exact.*copy of Claude Code.* \| A note/,
    );
    expect(rowB).toMatch(/unknown \| unknown.*Nothing says it/);
  });

  it('says that there are none', () => {
    expect(filesReport(turnFiles([]))).toContain('No changes of files are recorded');
  });

  it('holds nothing active, and every file in one row', () => {
    const hostile = 'a|b\n[x](command:evil) ![](https://evil/x.png) <img src=x> $(icon)`';
    const text = filesReport(turnFiles([file(hostile, { notes: [hostile] })], [hostile]));
    expect(text).not.toMatch(/[^\\]\[x\]\(|[^\\]<img|!\[\]\(/);
    const rows = text.split('\n').filter((line) => line.startsWith('| a'));
    expect(rows).toHaveLength(1);
    expect(rows[0]?.match(/(?<!\\)\|/g)).toHaveLength(6);
  });
});

describe('files at a fork point', () => {
  it('are listed with how surely they are known, on the side of the cut', () => {
    const files: TurnFiles = {
      turn: 2,
      turnId: 't',
      folder: '/work',
      files: [
        file('a.ts', { before: content('likely'), after: unknown }),
        file('b|c.ts', { before: unknown }),
        file('new.ts', { before: { kind: 'absent', source: 'replay', certainty: 'exact', ref: 'x' } }),
      ],
      warnings: [],
    };
    const before = stateReport(files, 'before');
    expect(before).toContain('1 exact · 1 likely · 1 not recorded.');
    expect(before).toMatch(/a\\.ts \| likely \| 1 kB.*copy of Claude Code/);
    expect(before).toMatch(/c\\.ts \| unknown \| Nothing says it/);
    expect(before).toMatch(/new\\.ts \| exact \| no such file/);
    expect(stateReport(files, 'after')).toContain('2 exact · 0 likely · 1 not recorded.');
    expect(stateReport({ ...files, files: [] }, 'before')).toContain('The session touched no files before.');
  });
});
