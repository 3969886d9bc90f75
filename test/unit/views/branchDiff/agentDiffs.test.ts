import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { ChangedFile } from '../../../../src/core/agent/agentFacts.ts';
import { noUsage } from '../../../../src/core/api/usage.ts';
import type { Comparison } from '../../../../src/core/compare/comparison.ts';
import { NotFoundError } from '../../../../src/core/errors.ts';
import { blobRefSchema } from '../../../../src/core/ids.ts';
import type { RunView } from '../../../../src/core/run/runView.ts';
import { BranchDiffs } from '../../../../src/views/branchDiff/branchDiffs.ts';
import { codeUri, fileSides, fileTitle, parseCodeUri } from '../../../../src/views/branchDiff/codeUris.ts';
import { outputUri, parseOutputUri } from '../../../../src/views/branchDiff/outputUris.ts';
import { shownContent } from '../../../../src/views/branchDiff/shownContent.ts';
import { terminalText } from '../../../../src/views/branchDiff/terminalText.ts';
import type { RunList } from '../../../../src/views/runTree/runList.ts';
import type { ServiceProvider } from '../../../../src/views/viewServices.ts';
import { branch, run } from '../support/runs.ts';

interface Uri {
  path: string;
  query: string;
}
const editor = vi.hoisted(() => ({ executed: [] as unknown[][], said: [] as string[] }));

vi.mock('vscode', async () => {
  const { FakeUri } = await import('../support/fakeUri.ts');
  class Emitter {
    event = () => ({ dispose: () => {} });
    fire = () => {};
    dispose = () => {};
  }
  return {
    Uri: FakeUri,
    EventEmitter: Emitter,
    MarkdownString: class {},
    Range: class {},
    FileSystemError: class extends Error {},
    ViewColumn: { Active: -1, Beside: -2 },
    workspace: { registerFileSystemProvider: () => ({ dispose: () => {} }) },
    commands: { executeCommand: async (...args: unknown[]) => void editor.executed.push(args) },
    window: {
      registerWebviewPanelSerializer: () => ({ dispose: () => {} }),
      showInformationMessage: async (text: string) => void editor.said.push(text),
    },
  };
});

const view = run({
  executor: 'claude-code',
  branches: [
    branch('b1-1', {
      changeSet: blobRefSchema.parse('a'.repeat(64)),
      files: [
        { path: 'src/a.ts', status: 'modified', added: 1, removed: 1, binary: false },
        { path: 'b.png', status: 'added', added: 0, removed: 0, binary: true },
        { path: 'c.ts', status: 'deleted', added: 0, removed: 1, binary: false },
        { path: 'e.ts', from: 'd.ts', status: 'renamed', added: 0, removed: 0, binary: false },
      ],
    }),
    branch('b2-1', { name: 'terse' }),
  ],
});
const side = (id: string, name = id) => ({
  id,
  name,
  model: null,
  state: 'completed',
  stopReason: null,
  steps: 1,
  toolCalls: 0,
  usage: noUsage,
  costUsd: null,
  durationMs: null,
  document: '',
});
const comparison: Comparison = {
  baseline: side('recorded'),
  branches: [side('b1-1', 'cheaper'), side('b2-1', 'terse')],
  pairs: [],
  baselineProblems: [],
};

function fixture(
  over: Partial<RunView> = {},
  files: (a: string, b: string) => Promise<ChangedFile[]> = async () => [],
) {
  const shown = { ...view, ...over };
  const services = {
    get: async () => ({
      forks: { run: async () => shown, compare: async () => comparison },
      agents: { files: (_run: string, a: string, b: string) => files(a, b) },
    }),
  } as unknown as ServiceProvider;
  const runs = { find: () => shown, onDidChange: () => ({ dispose: () => {} }) } as unknown as RunList;
  const at = (index: number) => ({ runId: shown.runId, branch: shown.branches[index]?.branchId ?? ('' as never) });
  return { diffs: new BranchDiffs(services, runs, {} as never, async () => {}), at, runId: shown.runId };
}

/** The last multi-file diff: its title, and each entry as `left → right`, by path and side. */
function shownChanges(): [unknown, string[]] {
  const [command, title, entries] = editor.executed.at(-1) ?? [];
  expect(command).toBe('vscode.changes');
  const text = (uri: Uri | undefined) => {
    if (uri === undefined) return '–';
    const { side: of, branch: said } = JSON.parse(uri.query) as { side?: string; branch?: string };
    return `${of ?? `said by ${said}`} ${uri.path}`;
  };
  return [title, (entries as (Uri | undefined)[][]).map(([, left, right]) => `${text(left)} → ${text(right)}`)];
}

beforeEach(() => {
  editor.executed.length = 0;
  editor.said.length = 0;
});

const changed: ChangedFile[] = [{ path: 'src/a.ts', status: 'modified', added: 1, removed: 1, binary: false }];

describe('diffs of agents', () => {
  it('show all that a branch changed, each kind of change as what it is', async () => {
    const { diffs, at } = fixture();
    const { runId, branch: id } = at(0);
    await diffs.code.openChanges(runId, id);
    expect(shownChanges()).toEqual([
      'fork point ↔ cheaper · Now handle emoji',
      [
        'fork-point /src/a.ts → b1-1 /src/a.ts',
        '– → b1-1 /b.png (binary)',
        'fork-point /c.ts → –',
        'fork-point /d.ts → b1-1 /e.ts',
      ],
    ]);
    await expect(diffs.code.openChanges(runId, at(1).branch)).rejects.toThrow('isn’t known');
  });

  it('put the files below what was said, against the recording and against each other', async () => {
    const asked: string[][] = [];
    const { diffs, at, runId } = fixture({}, async (a, b) => {
      asked.push([a, b]);
      return changed;
    });
    await diffs.open(at(0), { runId, branch: 'recorded' });
    expect(shownChanges()).toEqual([
      'cheaper ↔ recorded · Now handle emoji',
      [
        'said by recorded /Now handle emoji/cheaper → said by b1-1 /Now handle emoji/cheaper',
        'recorded /src/a.ts → b1-1 /src/a.ts',
      ],
    ]);
    await diffs.open(at(0), at(1));
    expect(shownChanges()[1][1]).toBe('b1-1 /src/a.ts → b2-1 /src/a.ts');
    expect(asked).toEqual([
      ['recorded', 'b1-1'],
      ['b1-1', 'b2-1'],
    ]);
    await diffs.open(at(0), { runId, branch: 'recorded' }, 4);
    expect(editor.executed.at(-1)?.[0]).toBe('vscode.diff');
  });

  it('say so where a side’s files are not known, and show what was said', async () => {
    const unknown = () => Promise.reject(new NotFoundError('Not known', 'Compare with the fork point.'));
    const { diffs, at, runId } = fixture({}, unknown);
    await diffs.open(at(0), { runId, branch: 'recorded' });
    expect(editor.executed.at(-1)?.[0]).toBe('vscode.diff');
    expect(editor.said).toEqual(['Only what was said is compared. Not known. Compare with the fork point.']);
  });

  it('compare all branches, with the fork point where the recorded end is not known', async () => {
    const { diffs, runId } = fixture({}, async (a, b) => {
      if (a === 'recorded') throw new NotFoundError('Not known', '');
      return b === 'b1-1' ? changed : [];
    });
    await diffs.openAll(runId);
    expect(shownChanges()[1]).toEqual([
      'said by recorded /Now handle emoji/cheaper → said by b1-1 /Now handle emoji/cheaper',
      'fork-point /cheaper/src/a.ts → b1-1 /cheaper/src/a.ts',
      'said by recorded /Now handle emoji/terse → said by b2-1 /Now handle emoji/terse',
    ]);
  });

  it('ask for no files where the Messages API answered', async () => {
    const { diffs, at, runId } = fixture({ executor: 'api' }, () => Promise.reject(new Error('asked')));
    await diffs.open(at(0), { runId, branch: 'recorded' });
    expect(editor.executed.at(-1)?.[0]).toBe('vscode.diff');
    await diffs.openAll(runId);
    expect(shownChanges()[1]).toHaveLength(2);
  });
});

describe('URIs', () => {
  it('of files keep their path and language, and never climb', () => {
    const query = { run: view.runId, side: 'fork-point' as const, path: 'src/a.ts' };
    expect(codeUri('src/a.ts', query)).toMatchObject({ scheme: 'forkpoint-code', path: '/src/a.ts' });
    expect(parseCodeUri(codeUri('src/a.ts', query).query)).toEqual(query);
    expect(codeUri('../../etc/passwd', query).path).toBe('/untitled/untitled/etc/passwd');
    expect(parseCodeUri('{"run":"r-1","side":"../x","path":"a"}')).toBeNull();
  });

  it('of a side without the file are empty documents', () => {
    const file = { path: 'a.ts', status: 'added' as const, added: 1, removed: 0, binary: false };
    const id = view.branches[0]?.branchId ?? ('' as never);
    const { left, right } = fileSides(view.runId, file, 'fork-point', id);
    expect([left, right].map(({ query }) => parseCodeUri(query)?.path)).toEqual([null, 'a.ts']);
    expect(fileTitle({ path: 'src/slugify.ts' }, 'fork point', 'cheaper')).toBe('slugify.ts (fork point ↔ cheaper)');
  });

  it('of outputs are logs', () => {
    const query = { output: null, name: 'npm run a/b', outcome: 'passed · 1.0 s' };
    const uri = outputUri('b1-1', query);
    expect(uri.path).toBe('/b1-1/npm run a∕b.log');
    expect(parseOutputUri(uri.query)).toEqual(query);
  });
});

describe('contents', () => {
  it('of binary and of very large files are a summary that differs where the files do', async () => {
    const text = new TextEncoder().encode('a\n');
    expect(await shownContent(text)).toBe(text);
    const [one, other] = [await shownContent(new Uint8Array([1, 0])), await shownContent(new Uint8Array([2, 0]))];
    expect(one).toMatch(/^Binary file\n2 B\nSHA-256 [0-9a-f]{64}\n$/);
    expect(one).not.toBe(other);
    expect(await shownContent(new Uint8Array(5_000_001).fill(97))).toMatch(/^Large file, not shown\n5 MB\n/);
  });

  it('of outputs are what a terminal shows in the end', () => {
    const output =
      '\u001b[1m\u001b[32m✓\u001b[39m ok\u001b[0m\r\n 10 %\r100 %\n\u001b]0;title\u0007done\u001b(B\u202e\n';
    expect(terminalText(output)).toBe('✓ ok\n100 %\ndone\n');
    expect(terminalText('\u001b]8;;https://evil.example\u001b\\link\u001b]8;;\u001b\\')).toBe('link');
    expect(terminalText('no end \u001b[')).toBe('no end ');
  });
});
