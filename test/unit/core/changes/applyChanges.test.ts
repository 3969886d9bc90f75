import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isWritten,
  type MergeText,
  planFile,
  sameFile,
  type TreeFile,
} from '../../../../src/core/changes/applyChanges.ts';
import { refusedPath } from '../../../../src/core/changes/changePaths.ts';

function file(content: string, mode: TreeFile['mode'] = '100644'): TreeFile {
  return { mode, bytes: new TextEncoder().encode(content) };
}

const noMerge: MergeText = () => Promise.reject(new Error('asked to merge'));
const merged =
  (content: string, conflicts: number): MergeText =>
  async () => ({ bytes: new TextEncoder().encode(content), conflicts });

async function planned(
  [base, theirs, ours]: [base: TreeFile | null, theirs: TreeFile | null, ours: TreeFile | null],
  merge = noMerge,
) {
  const plan = await planFile('f', { base, theirs, ours }, merge);
  const shown = plan.new === null ? null : `${plan.new.mode} ${new TextDecoder().decode(plan.new.bytes)}`;
  return { status: plan.status, conflict: plan.conflict, new: shown, written: isWritten(plan) };
}

describe('a file of a branch, brought into another tree', () => {
  it('is taken over where the tree is as at the fork point', async () => {
    expect(await planned([file('a'), file('b'), file('a')])).toEqual({
      status: 'modified',
      conflict: null,
      new: '100644 b',
      written: true,
    });
    expect(await planned([null, file('b', '100755'), null])).toEqual({
      status: 'added',
      conflict: null,
      new: '100755 b',
      written: true,
    });
    expect(await planned([file('a'), null, file('a')])).toEqual({
      status: 'deleted',
      conflict: null,
      new: null,
      written: true,
    });
    expect(await planned([file('a'), file('to', '120000'), file('a')])).toMatchObject({
      status: 'modified',
      new: '120000 to',
    });
  });

  it('is unchanged where the tree has it already', async () => {
    expect(await planned([file('a'), file('b'), file('b')])).toMatchObject({ status: 'unchanged', written: false });
    expect(await planned([file('a'), null, null])).toMatchObject({ status: 'unchanged', written: false });
    expect(await planned([null, file('b'), file('b')])).toMatchObject({ status: 'unchanged', written: false });
  });

  it('is merged where both changed it', async () => {
    const three: [TreeFile, TreeFile, TreeFile] = [file('a'), file('b'), file('c')];
    expect(await planned(three, merged('bc', 0))).toEqual({
      status: 'modified',
      conflict: null,
      new: '100644 bc',
      written: true,
    });
    expect(await planned(three, merged('<<b>>c', 2))).toMatchObject({
      status: 'conflict',
      conflict: expect.stringContaining('Both changed the same lines'),
      new: '100644 <<b>>c',
      written: true,
    });
    expect(await planned([null, file('b'), file('c')], merged('<<', 1))).toMatchObject({
      conflict: expect.stringContaining('Both added it'),
    });
  });

  it('keeps what is no text, links, and what one side deleted', async () => {
    const kept = { status: 'conflict', written: false };
    expect(await planned([file('a'), file('b'), file('c')], async () => null)).toMatchObject({
      ...kept,
      conflict: expect.stringContaining('no text'),
      new: '100644 c',
    });
    expect(await planned([file('a'), null, file('c')])).toMatchObject({
      ...kept,
      conflict: expect.stringContaining('The branch deleted it'),
      new: '100644 c',
    });
    expect(await planned([file('a'), file('b'), null])).toMatchObject({
      ...kept,
      conflict: expect.stringContaining('no longer here'),
      new: null,
    });
    expect(await planned([file('a', '120000'), file('b', '120000'), file('c', '120000')])).toMatchObject({
      ...kept,
      new: '120000 c',
    });
  });

  it('takes its mode from the side that changed it', async () => {
    const x = (content: string) => file(content, '100755');
    expect(await planned([file('a'), x('a'), file('c')])).toMatchObject({ status: 'modified', new: '100755 c' });
    expect(await planned([file('a'), file('b'), x('a')])).toMatchObject({ status: 'modified', new: '100755 b' });
    expect(await planned([x('a'), file('a'), x('c')])).toMatchObject({ status: 'modified', new: '100644 c' });
  });

  it('is left alone where the tree can’t be looked at', async () => {
    const plan = await planFile('f', { base: null, theirs: file('b'), ours: { refused: 'A folder.' } }, noMerge);
    expect(plan).toEqual({ path: 'f', status: 'conflict', conflict: 'A folder.', old: null, new: null });
    expect(isWritten(plan)).toBe(false);
  });

  it('is never written but to a clean result or to markers, whatever the three are', async () => {
    const any = fc.option(
      fc.record({
        mode: fc.constantFrom('100644' as const, '100755' as const, '120000' as const),
        bytes: fc.uint8Array({ maxLength: 2 }),
      }),
      { nil: null },
    );
    await fc.assert(
      fc.asyncProperty(any, any, any, async (base, theirs, ours) => {
        const plan = await planFile('f', { base, theirs, ours }, merged('merged', 1));
        expect(plan.old).toBe(ours);
        if (plan.status === 'unchanged') expect(isWritten(plan)).toBe(false);
        if (sameFile(ours, base) && plan.status !== 'unchanged') expect(sameFile(plan.new, theirs)).toBe(true);
        // What only the person has changed is never lost: it is there, or between markers.
        const changedByBoth = !sameFile(ours, base) && !sameFile(ours, theirs) && !sameFile(base, theirs);
        if (changedByBoth && ours !== null) expect(plan.new).not.toBe(null);
      }),
    );
  });
});

describe('paths of a branch', () => {
  it('are refused where they lead elsewhere, or into git’s folder', () => {
    const bad = [
      '',
      'a\0b',
      '/etc/passwd',
      '../up',
      'a/../../up',
      'a//b',
      './a',
      '.git',
      '.git/config',
      'a/.git/hooks/x',
      '.GIT/x',
      '.git./x',
      '.git /x',
      'GIT~1/x',
      '.g\u200cit/x',
      '.git:stream',
      '.git\\x',
    ]; // prettier-ignore
    expect(bad.filter((path) => refusedPath(path) === null)).toEqual([]);
    const good = ['a', '.gitignore', '.github/x', 'a b/ü', '-x', 'a\\b', 'C:x', 'git~10', '..a', 'a/...'];
    expect(good.filter((path) => refusedPath(path) !== null)).toEqual([]);
    expect(
      ['C:x', 'C:\\x', 'a\\..\\..\\x', '\\x', 'a:stream', 'nul.', 'x '].filter(
        (path) => refusedPath(path, true) === null,
      ),
    ).toEqual([]);
  });
});
