import { describe, expect, it } from 'vitest';
import { textDiff } from '../../../../src/adapters/textDiff.ts';
import type { ChangedFile, CheckResult } from '../../../../src/core/agent/agentFacts.ts';
import type { AgentPlan, PlacedFiles } from '../../../../src/core/agent/agentSettings.ts';
import { noUsage } from '../../../../src/core/api/usage.ts';
import { compareRun } from '../../../../src/core/compare/compareRun.ts';
import { recordedPaths } from '../../../../src/core/compare/recordedPaths.ts';
import { NotFoundError, StorageError } from '../../../../src/core/errors.ts';
import type { Baseline, ForkPlan } from '../../../../src/core/fork/forkPlan.ts';
import type { BranchView, RunView } from '../../../../src/core/run/runView.ts';
import { MemoryBlobs } from '../../../support/memoryStores.ts';
import { branch, run } from '../../views/support/runs.ts';

const folder = '/home/sam/slug-tools';
const elsewhere = '/data/places/r-1/b1-1/tree/slug-tools';

const edit = (id: string, at: string) => [
  { type: 'text', text: `I edit ${at}/src/a.ts.` },
  { type: 'tool_use', id, name: 'Edit', input: { file_path: `${at}/src/a.ts`, old_string: 'a', new_string: 'b' } },
];
const done = [{ type: 'text', text: 'Done.' }];
const result = (at: string) => [{ type: 'text', text: `The file ${at}/src/a.ts was updated.` }];

/** A run of one agent branch that did what was recorded, in another folder. */
async function fixture(
  over: {
    executor?: 'api';
    place?: BranchView['place'];
    content?: unknown;
    agent?: Partial<AgentPlan>;
    checks?: Partial<RunView['checks']>;
    /** Files of the recorded end that nobody knows; null where none is known. */
    unknown?: PlacedFiles['unknown'] | null;
  } = {},
) {
  const blobs = new MemoryBlobs();
  const step = (content: Baseline['steps'][number]['content'], stopReason: string) => ({
    turn: 2,
    content,
    model: 'm',
    stopReason,
    usage: noUsage,
    results: { r1: { content: result(folder), isError: false } },
  });
  const baseline: Baseline = {
    steps: [step(edit('r1', folder), 'tool_use'), step(done, 'end_turn')],
    startedAt: null,
    endedAt: null,
  };
  const replies = [edit('c1', elsewhere), done].map((content) => ({
    content,
    model: 'm',
    stopReason: null,
    usage: noUsage,
    requestId: null,
  }));
  const results = await Promise.all(
    replies.map(async (reply, at) => ({
      step: at + 1,
      turn: 2,
      reply: await blobs.put(reply),
      model: 'm',
      stopReason: null,
      usage: noUsage,
      toolCalls: 0,
      costUsd: null,
    })),
  );
  const stored = await blobs.put({ content: over.content ?? result(elsewhere) });
  const recording = { prefixMessages: 1, turns: [{ turn: 2, prompt: null, calls: [] }], strictOrder: false };
  const view = run({
    executor: over.executor ?? 'claude-code',
    checks: { forkPoint: [], recorded: [], problems: [], ...over.checks },
    branches: [
      branch('b1-1', {
        results,
        toolResults: { c1: { result: stored, isError: false } },
        place: over.place === undefined ? { kind: 'worktree', path: elsewhere, root: '/data' } : over.place,
      }),
    ],
  });
  const { unknown = [] } = over;
  const recordedEnd = unknown === null ? null : await blobs.put({ files: [], unknown, warnings: [] });
  const plan = {
    runId: view.runId,
    executor: view.executor,
    agent: over.executor === 'api' ? null : { folder, recordedEnd, checks: [], ...over.agent },
    session: { ...view.session, projectPath: folder },
    baseline: await blobs.put(baseline),
    branches: [{ branchId: 'b1-1', recording: await blobs.put(recording) }],
  } as unknown as ForkPlan;
  return { blobs, view, plan };
}

const changed: ChangedFile[] = [{ path: 'src/a.ts', status: 'modified', added: 1, removed: 1, binary: false }];

describe('comparing agents', () => {
  it('takes what their calls really gave, and sees no difference in the folder alone', async () => {
    const { blobs, view, plan } = await fixture();
    const asked: string[][] = [];
    const files = async (a: string, b: string) => {
      asked.push([a, b]);
      return changed;
    };
    const { pairs, branches } = await compareRun(plan, view, null, { blobs, textDiff, files });
    expect(branches[0]?.document).toContain(
      '← result, 1 line\n      The file /home/sam/slug-tools/src/a.ts was updated.',
    );
    expect(branches[0]?.document).toContain('→ Edit  src/a.ts');
    expect(pairs[0]).toMatchObject({ similarity: 1, firstDivergence: null, filesDiff: { files: changed } });
    expect(asked).toEqual([['recorded', 'b1-1']]);
  });

  it('shows a result that came out otherwise', async () => {
    const { blobs, view, plan } = await fixture({ content: 'File has not been read yet.' });
    const { pairs } = await compareRun(plan, view, null, { blobs, textDiff });
    expect(pairs[0]?.firstDivergence).toMatchObject({ step: 1, kind: 'tool' });
    expect(pairs[0]?.filesDiff).toBeNull();
  });

  it('leaves files out where a side’s are not known, and passes on what else goes wrong', async () => {
    const { blobs, view, plan } = await fixture();
    const unknown = () => Promise.reject(new NotFoundError('not known', ''));
    const { pairs } = await compareRun(plan, view, null, { blobs, textDiff, files: unknown });
    expect(pairs[0]?.filesDiff).toBeNull();
    const broken = () => Promise.reject(new StorageError('disk', ''));
    await expect(compareRun(plan, view, null, { blobs, textDiff, files: broken })).rejects.toThrow('disk');
  });

  it('is as it was where the Messages API answered', async () => {
    const { blobs, view, plan } = await fixture({ executor: 'api', place: null });
    const files = () => Promise.reject(new Error('asked'));
    const { branches, pairs, baseline } = await compareRun(plan, view, null, { blobs, textDiff, files });
    expect(branches[0]?.document).toContain('← no recorded result');
    expect(baseline.document).toContain('← recorded result, 1 line');
    expect(pairs[0]?.filesDiff).toBeNull();
  });
});

describe('what is not known of the states that agents are compared with', () => {
  const spec = (name: string) => ({ name, run: name, timeoutSeconds: 300 });
  const result = (name: string, exitCode: number | null): CheckResult => ({
    name,
    exitCode,
    passed: exitCode === 0,
    ms: 1,
    output: null,
  });
  const problems = async (over: Parameters<typeof fixture>[0]) => {
    const { blobs, view, plan } = await fixture(over);
    return (await compareRun(plan, view, null, { blobs, textDiff })).baselineProblems;
  };
  const checked = { agent: { checks: [spec('test'), spec('lint')] } };
  const [test, lint] = [result('test', 0), result('lint', 1)];

  it('is nothing where all of it is', async () => {
    expect(await problems({ ...checked, checks: { forkPoint: [test, lint], recorded: [lint, test] } })).toEqual([]);
    expect(await problems({ executor: 'api' })).toEqual([]);
  });

  it('is why a state could not be checked, or a check was not through', async () => {
    const reason = 'The set-up command "npm ci" failed with exit code 1.';
    const checks = {
      forkPoint: [],
      recorded: [test, result('lint', null)],
      problems: [{ state: 'fork-point' as const, reason }],
    };
    expect(await problems({ ...checked, checks })).toEqual([
      `The fork point could not be checked: ${reason}`,
      'The check “lint” was ended on the recorded end before it was through: its time was up.',
    ]);
  });

  it('is which checks did not run on it before the run ended', async () => {
    expect(await problems({ ...checked, checks: { forkPoint: [test] } })).toEqual([
      'Not checked on the fork point: “lint”. The run ended before that.',
      'Not checked on the recorded end: “test”, “lint”. The run ended before that.',
    ]);
  });

  it('is the recorded end itself, or files of it', async () => {
    expect(await problems({ unknown: null })).toEqual([
      'The recorded end is not known: no file of it is recorded. Files are not compared with it.',
    ]);
    const forkPoint = [test, lint];
    expect(await problems({ ...checked, unknown: null, checks: { forkPoint } })).toEqual([
      'The recorded end is not known: no file of it is recorded. Files are not compared with it, and no check runs on it.',
    ]);
    const unknown = ['a.ts', 'b.ts', 'c.ts', 'd.ts'].map((name) => ({
      path: `${folder}/${name}`,
      reason: 'A command changed it.',
    }));
    expect(await problems({ unknown })).toEqual(['4 files of the recorded end not known: a.ts, b.ts, c.ts, ….']);
    expect(await problems({ unknown: unknown.slice(0, 1) })).toEqual([
      '1 file of the recorded end not known: a.ts. A command changed it.',
    ]);
  });
});

describe('recordedPaths', () => {
  it.each([
    ['the folder itself', elsewhere, folder, `${elsewhere}/a`, `${folder}/a`],
    ['what lies beside it in the project', `${elsewhere}/web`, `${folder}/web`, `${elsewhere}/api`, `${folder}/api`],
    ['an overlay', folder, folder, `${folder}/a`, `${folder}/a`],
    ['another name', '/data/x/root', '/srv', 'in /data/x/root/a', 'in /srv/a'],
    ['a folder below the root', '/data/x/tree/srv', '/srv', '/data/x/tree/srv/a', '/srv/a'],
  ])('of %s', (_name, path, recorded, text, expected) => {
    expect(recordedPaths({ kind: 'copy', path, root: '/data' }, recorded)(text)).toBe(expected);
  });

  it('of a branch without a place are its own', () => expect(recordedPaths(null, folder)('/x')).toBe('/x'));
});
