import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PlannedFile, TreeFile } from '../../../../src/core/changes/applyChanges.ts';
import { applyDetail, previewTitle } from '../../../../src/views/applyBranch/applyTexts.ts';
import { changedLines, modesLeft, planWrites } from '../../../../src/views/applyBranch/planWrites.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (content: string, mode: TreeFile['mode'] = '100644'): TreeFile => ({ mode, bytes: bytes(content) });
const file = (old: TreeFile | null, now: TreeFile | null, over: Partial<PlannedFile> = {}): PlannedFile => ({
  path: 'src/a.ts',
  status: old === null ? 'added' : now === null ? 'deleted' : 'modified',
  conflict: null,
  old,
  new: now,
  ...over,
});
const kindOf = (old: TreeFile | null, now: TreeFile | null) => {
  const { writes, outside } = planWrites([file(old, now)]);
  return writes[0]?.kind ?? (outside.length > 0 ? 'outside' : 'nothing');
};
const binary: TreeFile = { mode: '100644', bytes: new Uint8Array([1, 0, 2]) };

describe('planWrites', () => {
  it.each([
    ['an edit of a text', text('a\n'), text('b\n'), 'text'],
    ['an edit of a text with CRLF', text('a\r\n'), text('b\r\n'), 'text'],
    ['other line ends', text('a\n'), text('a\r\n'), 'replace'],
    ['mixed line ends', text('a\nb\r\n'), text('c\nb\r\n'), 'replace'],
    ['a byte order mark that goes', text('\ufeffa\n'), text('a\n'), 'replace'],
    ['a byte order mark that stays', text('\ufeffa\n'), text('\ufeffb\n'), 'text'],
    ['a binary file', binary, { ...binary, bytes: new Uint8Array([0, 1]) }, 'replace'],
    ['what is no UTF-8', { ...binary, bytes: new Uint8Array([0xff, 0x61]) }, text('b\n'), 'replace'],
    ['a new file', null, text('a\n'), 'create'],
    ['a file that goes', text('a\n'), null, 'delete'],
    ['a link', text('a', '120000'), text('b', '120000'), 'outside'],
    ['a mode alone', text('a\n'), text('a\n', '100755'), 'outside'],
    ['nothing', text('a\n'), text('a\n'), 'nothing'],
  ])('of %s', (_name, old, now, kind) => expect(kindOf(old, now)).toBe(kind));

  it('leaves modes that the editor can’t give to what comes after it', () => {
    const files = [
      file(null, text('#!/bin/sh\n', '100755'), { path: 'new.sh' }),
      file(text('a\n', '100755'), text('b\n', '100755'), { path: 'kept.sh' }),
      file(text('a\n'), text('b\n', '100755'), { path: 'made.sh' }),
      file({ ...binary, mode: '100755' }, { mode: '100755', bytes: new Uint8Array([0]) }, { path: 'tool' }),
    ];
    const left = modesLeft(planWrites(files).writes);
    expect(left.map(({ path, old, new: now }) => [path, old?.mode, now?.mode])).toEqual([
      ['new.sh', '100644', '100755'],
      ['made.sh', '100644', '100755'],
      ['tool', '100644', '100755'],
    ]);
    expect(left.every(({ old, new: now }) => old?.bytes === now?.bytes)).toBe(true);
  });
});

describe('changedLines', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', '', 'c\r'), { maxLength: 8 });
  it('makes one text of the other, and touches whole lines only', () => {
    fc.assert(
      fc.property(lines, lines, fc.boolean(), (one, other, ended) => {
        const [before, after] = [one, other].map((parts) => parts.join('\n') + (ended ? '\n' : ''));
        const { start, end, text: middle } = changedLines(before ?? '', after ?? '');
        expect(`${before?.slice(0, start)}${middle}${before?.slice(end)}`).toBe(after);
        expect(start === 0 || before?.[start - 1] === '\n').toBe(true);
        expect(end === before?.length || end === 0 || before?.[end - 1] === '\n').toBe(true);
      }),
    );
  });

  it('is small where little changed', () => {
    const before = Array.from({ length: 1_000 }, (_, at) => `line ${at}`).join('\n');
    const change = changedLines(before, before.replace('line 500', 'LINE 500'));
    expect(before.slice(change.start, change.end)).toBe('line 500\n');
    expect(change.text).toBe('LINE 500\n');
  });
});

describe('texts of a preview', () => {
  const plan = {
    root: '/home/sam/slug-tools',
    files: [
      file(text('a\n'), text('b\n')),
      file(text('a\n'), text('<<<<<<<\n'), { path: 'src/b.ts', status: 'conflict', conflict: 'Both changed it.' }),
      file(text('a\n'), text('a\n'), { path: 'c.bin', status: 'conflict', conflict: 'It is no text: kept.' }),
      file(text('a\n'), text('a\n'), { path: 'd.ts', status: 'unchanged' }),
      file(text('a\n'), text('a\n', '100755'), { path: 'run.sh' }),
    ],
    notes: ['One file is too large to keep.'],
  };

  it('mark conflicts in the title', () => {
    expect(previewTitle(plan, 'cheaper')).toBe('Apply cheaper to slug-tools · conflicts in b.ts, c.bin');
    expect(previewTitle({ ...plan, files: plan.files.slice(0, 1) }, 'cheaper')).toBe('Apply cheaper to slug-tools');
  });

  it('list what is written, what is not, and what Undo leaves', () => {
    expect(applyDetail(plan).split('\n')).toEqual([
      '!  src/b.ts: Both changed it.',
      'M  src/a.ts',
      'M  run.sh',
      '',
      'Not touched:',
      '!  c.bin: It is no text: kept.',
      '',
      'One file is too large to keep.',
      '',
      'Only these files are touched. Undo in one of them takes all of it back.',
      'Links and file modes are set beside that: Undo leaves them.',
    ]);
  });
});
