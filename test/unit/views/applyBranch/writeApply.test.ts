import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { ApplyPlan, ApplyResult, PlannedFile, TreeFile } from '../../../../src/core/changes/applyChanges.ts';
import { unsavedFiles, writeApply } from '../../../../src/views/applyBranch/writeApply.ts';

interface Operation {
  kind: 'replace' | 'create' | 'delete';
  path: string;
  text?: string;
  range?: [number, number];
  contents?: string;
  overwrite?: boolean;
}
interface Open {
  uri: { path: string; toString(): string };
  isDirty: boolean;
  eol: number;
  text: string;
  saved: number;
  getText(): string;
  positionAt(offset: number): number;
  save(): Promise<boolean>;
}

const editor = vi.hoisted(() => ({
  /** Files on disk by path; a number stands for something else than a plain file. */
  disk: new Map<string, Uint8Array | number>(),
  open: [] as Open[],
  /** What an editor makes of a file, where that is not its text. */
  reads: new Map<string, string>(),
  edits: [] as Operation[][],
  takes: true,
}));

vi.mock('vscode', async () => {
  const { FakeUri } = await import('../support/fakeUri.ts');
  class FileSystemError extends Error {
    readonly code = 'FileNotFound';
  }
  class WorkspaceEdit {
    readonly operations: Operation[] = [];
    replace = (uri: { path: string }, { range }: { range: [number, number] }, text: string) =>
      this.operations.push({ kind: 'replace', path: uri.path, range, text });
    createFile = (uri: { path: string }, { contents, overwrite }: { contents: Uint8Array; overwrite?: boolean }) =>
      this.operations.push({
        kind: 'create',
        path: uri.path,
        contents: new TextDecoder().decode(contents),
        ...(overwrite && { overwrite }),
      });
    deleteFile = (uri: { path: string }) => this.operations.push({ kind: 'delete', path: uri.path });
  }
  return {
    Uri: FakeUri,
    FileSystemError,
    WorkspaceEdit,
    FileType: { File: 1 },
    EndOfLine: { LF: 1, CRLF: 2 },
    Range: class {
      readonly range: [number, number];
      constructor(start: number, end: number) {
        this.range = [start, end];
      }
    },
    workspace: {
      get textDocuments() {
        return editor.open;
      },
      fs: {
        stat: async ({ path }: { path: string }) => {
          const found = editor.disk.get(path);
          if (found === undefined) throw new FileSystemError();
          return { type: typeof found === 'number' ? found : 1 };
        },
        readFile: async ({ path }: { path: string }) => editor.disk.get(path),
      },
      openTextDocument: async (uri: Open['uri']) => {
        const known = editor.open.find((document) => document.uri.toString() === uri.toString());
        if (known !== undefined) return known;
        const text = editor.reads.get(uri.path) ?? new TextDecoder().decode(editor.disk.get(uri.path) as Uint8Array);
        const document = opened(uri, text);
        editor.open.push(document);
        return document;
      },
      applyEdit: async ({ operations }: WorkspaceEdit) => {
        if (!editor.takes) return false;
        editor.edits.push(operations);
        for (const document of editor.open)
          if (operations.some(({ kind, path }) => kind === 'replace' && path === document.uri.path))
            document.isDirty = true;
        return true;
      },
    },
  };
});

function opened(uri: Open['uri'], text: string, isDirty = false): Open {
  return {
    uri,
    text,
    isDirty,
    eol: text.includes('\r\n') ? 2 : 1,
    saved: 0,
    getText: () => text,
    positionAt: (offset) => offset,
    async save() {
      this.saved += 1;
      this.isDirty = false;
      return true;
    },
  };
}

const root = '/home/sam/slug-tools';
const file = (text: string, mode: TreeFile['mode'] = '100644'): TreeFile => ({
  mode,
  bytes: new TextEncoder().encode(text),
});
const planned = (path: string, old: TreeFile | null, now: TreeFile | null): PlannedFile => ({
  path,
  status: 'modified',
  conflict: null,
  old,
  new: now,
});
/** A plan whose files lie on disk as the plan says. */
function plan(...files: PlannedFile[]): ApplyPlan {
  for (const { path, old } of files) if (old !== null) editor.disk.set(`${root}/${path}`, old.bytes);
  return { root, files, notes: [] };
}
const others: ApplyPlan[] = [];
const apply = async (asked: ApplyPlan): Promise<ApplyResult> => {
  others.push(asked);
  return { applied: true, files: asked.files };
};

beforeEach(() => {
  editor.disk.clear();
  editor.reads.clear();
  editor.open = [];
  editor.edits = [];
  editor.takes = true;
  others.length = 0;
});

describe('writeApply', () => {
  it('writes everything as one edit, saves it, and opens nothing', async () => {
    const asked = plan(
      planned('src/a.ts', file('one\ntwo\nthree\n'), file('one\n2\nthree\n')),
      planned('new.ts', null, file('new\n')),
      planned('gone.ts', file('old\n'), null),
      planned('data.bin', file('a\0b'), file('a\0c')),
      planned('same.ts', file('x\n'), file('x\n')),
    );
    expect(await writeApply(asked, apply)).toEqual({
      written: ['src/a.ts', 'new.ts', 'gone.ts', 'data.bin'],
      left: [],
    });
    expect(editor.edits).toEqual([
      [
        { kind: 'replace', path: `${root}/src/a.ts`, range: [4, 8], text: '2\n' },
        { kind: 'create', path: `${root}/new.ts`, contents: 'new\n' },
        { kind: 'delete', path: `${root}/gone.ts` },
        { kind: 'delete', path: `${root}/data.bin` },
        { kind: 'create', path: `${root}/data.bin`, contents: 'a\0c', overwrite: true },
      ],
    ]);
    expect(editor.open.map(({ uri, saved }) => [uri.path, saved])).toEqual([[`${root}/src/a.ts`, 1]]);
    expect(others).toEqual([]);
  });

  it('leaves alone what is no longer as the preview began, and what it can’t look at', async () => {
    const asked = plan(
      planned('a.ts', file('a\n'), file('b\n')),
      planned('new.ts', null, file('new\n')),
      planned('link.ts', file('a\n'), file('b\n')),
      planned('fine.ts', file('a\n'), file('b\n')),
    );
    editor.disk.set(`${root}/a.ts`, new TextEncoder().encode('changed\n'));
    editor.disk.set(`${root}/new.ts`, new TextEncoder().encode('there\n'));
    editor.disk.set(`${root}/link.ts`, 64 | 1);
    const { written, left } = await writeApply(asked, apply);
    expect(written).toEqual(['fine.ts']);
    expect(left.map(({ path }) => path)).toEqual(['a.ts', 'new.ts', 'link.ts']);
    expect(editor.edits[0]?.map(({ path }) => path)).toEqual([`${root}/fine.ts`]);
  });

  it('never touches a file with unsaved changes', async () => {
    const asked = plan(planned('a.ts', file('a\n'), file('b\n')), planned('b.bin', file('\0'), null));
    const { FakeUri } = await import('../support/fakeUri.ts');
    editor.open = ['a.ts', 'b.bin', 'c.ts'].map((name) => opened(FakeUri.file(`${root}/${name}`), 'typed\n', true));
    expect(unsavedFiles(asked).map(({ uri }) => uri.path)).toEqual([`${root}/a.ts`, `${root}/b.bin`]);
    const { written, left } = await writeApply(asked, apply);
    expect(written).toEqual([]);
    expect(left.map(({ conflict }) => conflict)).toEqual(
      Array(2).fill('It has changes that are not saved: left alone.'),
    );
    expect(editor.edits).toEqual([]);
  });

  it('replaces the bytes of a file that the editor reads as something else', async () => {
    const asked = plan(planned('a.txt', file('ä\n'), file('ö\n')));
    editor.reads.set(`${root}/a.txt`, 'Ã¤\n');
    await writeApply(asked, apply);
    expect(editor.edits[0]?.map(({ kind }) => kind)).toEqual(['delete', 'create']);
  });

  it('has links and modes done by what can', async () => {
    const link = planned('link', file('a', '120000'), file('b', '120000'));
    const made = planned('run.sh', file('a\n'), file('b\n', '100755'));
    const { written } = await writeApply(plan(link, made), apply);
    expect(written).toEqual(['run.sh', 'link']);
    expect(others.map(({ files }) => files.map(({ path, old }) => [path, old?.mode]))).toEqual([
      [
        ['link', '120000'],
        ['run.sh', '100644'],
      ],
    ]);
  });

  it('writes no path that leads out of the tree', async () => {
    const paths = ['../a.ts', '/etc/passwd', '.git/config', 'a/../../b.ts'];
    const { written, left } = await writeApply(plan(...paths.map((path) => planned(path, null, file('x')))), apply);
    expect(written).toEqual([]);
    expect(left.map(({ path }) => path)).toEqual(paths);
    expect(editor.edits).toEqual([]);
  });

  it('says so where the editor refuses', async () => {
    editor.takes = false;
    await expect(writeApply(plan(planned('a.ts', file('a\n'), file('b\n'))), apply)).rejects.toThrow('did not take');
    expect(others).toEqual([]);
  });
});
