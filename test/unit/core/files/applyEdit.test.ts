import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdit } from '../../../../src/core/files/applyEdit.ts';
import { type RecordedEdit, recordedEdit } from '../../../../src/core/files/recordedEdit.ts';
import { bytes, utf16 } from '../../../support/fileSession.ts';

function edit(old: string, next: string, more: Partial<RecordedEdit> & { all?: boolean } = {}): RecordedEdit {
  const { all = false, ...rest } = more;
  const change = { kind: 'replace' as const, edits: [{ old, new: next, all }] };
  return { path: '/a', tool: 'Edit', change, original: null, patch: [], userModified: false, ...rest };
}

function write(content: string, more: Partial<RecordedEdit> = {}): RecordedEdit {
  const change = { kind: 'write' as const, content };
  return { path: '/a', tool: 'Write', change, original: null, patch: [], userModified: false, ...more };
}

// What the real tools did to such files, by version.
describe('an edit done again', () => {
  it.each<[string, string | Uint8Array, RecordedEdit, string | Uint8Array, boolean]>([
    ['keeps CRLF', 'one\r\ntwo\r\n', edit('one\ntwo', 'eins\nzwei'), 'eins\r\nzwei\r\n', true],
    [
      'makes all line ends of a mixed file alike',
      'one\r\ntwo\nthree\r\n',
      edit('two', '2'),
      'one\r\n2\r\nthree\r\n',
      false,
    ],
    ['keeps a byte order mark', '\uFEFFone\n', edit('one', 'two'), '\uFEFFtwo\n', true],
    ['keeps UTF-16', utf16('one\r\n'), edit('one', 'zwölf'), utf16('zwölf\r\n'), true],
    ['keeps a missing line end at the end', 'first\nlast', edit('last', 'end'), 'first\nend', true],
    ['replaces the first place only', 'a a', edit('a', 'b'), 'b a', true],
    ['replaces all where asked to', 'a a', edit('a', 'b', { all: true }), 'b b', true],
    ['takes the line end with a deleted line', 'a\nb\nc\n', edit('b', ''), 'a\nc\n', true],
    ['takes $ in the new text as it is', 'a', edit('a', '$& $1 $$'), '$& $1 $$', true],
    ['fills an empty file', '', edit('', 'new\n'), 'new\n', true],
    ['of a person is not sure', 'a', edit('a', 'b', { userModified: true }), 'b', false],
    ['writes a whole file', 'old\n', write('new\n'), 'new\n', true],
    [
      'writes LF over CRLF, as newer versions do',
      'a\r\n',
      write('b\nc\n', { original: { text: 'a\n' } }),
      'b\nc\n',
      false,
    ],
    [
      'keeps CRLF where the original has it, as older ones do',
      'a\r\n',
      write('b\nc\n', { original: { text: 'a\r\n' } }),
      'b\r\nc\r\n',
      true,
    ],
    ['writes UTF-16 over UTF-16', utf16('a\n'), write('\uFEFFb\n'), utf16('b\n'), true],
    [
      'keeps what is no UTF-8 replaced, as old versions wrote it',
      new Uint8Array([0xe9, 10, 97]),
      edit('a', 'b'),
      '\uFFFD\nb',
      true,
    ],
  ])('%s', (_name, before, recorded, after, sure) => {
    expect(applyEdit(bytes(before), recorded)).toEqual({ bytes: bytes(after), sure });
  });

  it('creates a file', () => {
    expect(applyEdit(null, write('new'))).toEqual({ bytes: bytes('new'), sure: true });
    expect(applyEdit(null, edit('', 'new'))).toEqual({ bytes: bytes('new'), sure: true });
  });

  it('is refused where it does not fit', () => {
    expect(applyEdit(bytes('other'), edit('one', 'two'))).toBeNull();
    expect(applyEdit(bytes('full'), edit('', 'new'))).toBeNull();
    expect(applyEdit(null, edit('one', 'two'))).toBeNull();
  });

  it('follows the patch where the tool wrote something else than it was given', () => {
    const patch = [{ oldStart: 1, lines: [' a', '-say “hi”', '+say “ho”'] }];
    const after = applyEdit(bytes('a\nsay “hi”\n'), edit('say “hi”', 'say "ho"', { patch }));
    expect(after).toEqual({ bytes: bytes('a\nsay “ho”\n'), sure: true });
  });

  it('is not sure where the patch fits neither way', () => {
    const patch = [{ oldStart: 1, lines: [' x', '-one', '+three'] }];
    expect(applyEdit(bytes('a\none\n'), edit('one', 'two', { patch }))).toEqual({
      bytes: bytes('a\ntwo\n'),
      sure: false,
    });
  });

  it('believes a patch whose tabs stand as spaces, and one of several hunks', () => {
    const tabs = [{ oldStart: 1, lines: ['   a', '-    b', '+    c'] }];
    expect(applyEdit(bytes('\ta\n\t\tb\n'), edit('b', 'c', { patch: tabs }))?.sure).toBe(true);
    const hunks = [
      { oldStart: 1, lines: ['-x', '+y', '+y'] },
      { oldStart: 4, lines: [' b', '-x', '+y', '+y', '\\ No newline at end of file'] },
    ];
    const after = applyEdit(bytes('x\na\na\nb\nx'), edit('x', 'y\ny', { patch: hunks, all: true }));
    expect(after).toEqual({ bytes: bytes('y\ny\na\na\nb\ny\ny'), sure: true });
  });

  it('finds the text that it replaced, whatever surrounds it', () => {
    const part = fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replace(/\r/g, ''));
    fc.assert(
      fc.property(
        part,
        part.filter((text) => text !== ''),
        part.filter((text) => text !== ''),
        part,
        (before, old, next, after) => {
          fc.pre(!before.startsWith('\uFEFF') && `${before}${old}`.indexOf(old) === before.length);
          const done = applyEdit(bytes(`${before}${old}${after}`), edit(old, next));
          expect(done?.bytes).toEqual(bytes(`${before}${next}${after}`));
        },
      ),
    );
  });
});

describe('a recorded edit', () => {
  it.each<[string, unknown, Partial<RecordedEdit> | null]>([
    ['of an error', 'Error: File not found', null],
    ['of another tool', { stdout: '' }, null],
    ['of nothing', null, null],
    ['without its path', { oldString: 'a', newString: 'b' }, null],
    [
      'of MultiEdit',
      { filePath: '/a', edits: [{ old_string: 'a', new_string: 'b' }], originalFileContents: 'a' },
      {
        tool: 'MultiEdit',
        change: { kind: 'replace', edits: [{ old: 'a', new: 'b', all: false }] },
        original: { text: 'a' },
      },
    ],
    [
      'of a notebook',
      { notebook_path: '/a.ipynb', updated_file: '{}', original_file: '{ }' },
      { tool: 'NotebookEdit', path: '/a.ipynb', change: { kind: 'write', content: '{}' }, original: { text: '{ }' } },
    ],
    ['that created a file', { type: 'create', filePath: '/a', content: 'x' }, { original: 'absent' }],
    [
      'whose original was too long',
      { type: 'update', filePath: '/a', content: 'x', originalFile: null },
      { original: null },
    ],
    [
      'with damaged details',
      { filePath: '/a', oldString: 'a', newString: 'b', structuredPatch: 7, userModified: 'no', replaceAll: null },
      { patch: [], userModified: false },
    ],
  ])('%s', (_name, result, expected) => {
    if (expected === null) expect(recordedEdit(result)).toBeNull();
    else expect(recordedEdit(result)).toMatchObject(expected);
  });
});
