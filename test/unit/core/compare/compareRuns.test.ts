import { describe, expect, it } from 'vitest';
import { textDiff } from '../../../../src/adapters/textDiff.ts';
import type { CheckResult } from '../../../../src/core/agent/agentFacts.ts';
import { noUsage } from '../../../../src/core/api/usage.ts';
import type { ChangeSet } from '../../../../src/core/changes/changes.ts';
import { compareRuns, differingFiles } from '../../../../src/core/compare/compareRuns.ts';
import type { ForkPlan } from '../../../../src/core/fork/forkPlan.ts';
import { runIdSchema } from '../../../../src/core/ids.ts';
import { describeRunChanges } from '../../../../src/core/run/runChanges.ts';
import type { BranchView } from '../../../../src/core/run/runView.ts';
import { MemoryBlobs } from '../../../support/memoryStores.ts';
import { buildPlan } from '../../../support/storedPlan.ts';
import { branch, run } from '../../views/support/runs.ts';

const check = (name: string, passed: boolean): CheckResult => ({
  name,
  passed,
  exitCode: passed ? 0 : 1,
  ms: 1,
  output: null,
});
const version = (oid: string) => ({ oid, mode: '100644' as const, bytes: 1 });
const changeSet = (changes: ChangeSet['changes']): ChangeSet => ({ root: '/p', changes, notes: [] });

describe('a run beside the one before it', () => {
  const blobs = new MemoryBlobs();

  async function said(id: string, text: string, over: Partial<BranchView> = {}): Promise<BranchView> {
    const reply = {
      content: [{ type: 'text', text }],
      model: 'm',
      stopReason: 'end_turn',
      usage: noUsage,
      requestId: null,
    };
    const result = { step: 1, turn: 1, model: 'm', stopReason: 'end_turn', usage: noUsage, toolCalls: 0, costUsd: 0 };
    return branch(id, { results: [{ ...result, reply: await blobs.put(reply) }], ...over });
  }

  async function planned(runId: string, branches: BranchView[], costUsd: number | null) {
    const plan: ForkPlan = await buildPlan(blobs, { branches: branches.map(({ name }) => ({ name })) });
    return { plan, view: run({ runId: runIdSchema.parse(runId), branches, costUsd }) };
  }

  it('says what changed: texts, checks, files, states and costs, branch by branch', async () => {
    const files = changeSet([{ path: 'src/a.ts', before: version('1'), after: version('2') }]);
    const others = changeSet([{ path: 'src/a.ts', before: version('1'), after: version('3') }]);
    const before = await planned(
      'r-1',
      [
        await said('b1', 'Same.', { name: 'same' }),
        await said('b2', 'One.\nTwo.', {
          name: 'other',
          checks: [check('tests', true), check('lint', false)],
          changeSet: await blobs.put(files),
          costUsd: 0.02,
        }),
        await said('b3', 'Gone.', { name: 'gone' }),
      ],
      0.04,
    );
    const after = await planned(
      'r-2',
      [
        await said('b1', 'Same.', { name: 'same' }),
        await said('b9', 'One.\nThree.', {
          name: 'other',
          checks: [check('tests', false), check('lint', false), check('types', true)],
          changeSet: await blobs.put(others),
          state: 'failed',
          costUsd: 0.05,
        }),
        await said('b3', 'New.', { name: 'new' }),
      ],
      0.07,
    );
    const { changes, pairs } = await compareRuns(before, after, { blobs, textDiff });
    expect(changes).toMatchObject({ previous: 'r-1', onlyBefore: ['gone'], onlyAfter: ['new'] });
    expect(changes.branches[0]).toMatchObject({ name: 'same', similarity: 1, checks: [], files: null });
    expect(changes.branches[1]).toMatchObject({
      branchId: 'b9',
      previousId: 'b2',
      state: { before: 'completed', after: 'failed' },
      costUsd: { before: 0.02, after: 0.05 },
      checks: [
        { name: 'tests', before: true, after: false },
        { name: 'types', before: null, after: true },
      ],
      files: [{ path: 'src/a.ts', status: 'modified' }],
    });
    expect(pairs[0]?.textDiff).toBe('');
    expect(pairs[1]?.textDiff).toContain('--- r-1/other\n+++ r-2/other\n');
    expect(pairs[1]?.textDiff).toContain('-Two.\n+Three.');
    const alike = Math.round((changes.branches[1]?.similarity ?? 1) * 100);
    expect(describeRunChanges(changes)).toBe(
      `other: failed, was completed, tests fails now, types passes now, 1 file differs, ${alike} % alike · new: new · gone: gone · $0.03 more`,
    );
  });

  it('finds nothing where nothing changed, and says an unknown cost', async () => {
    const [before, after] = [
      await planned('r-1', [await said('b1', 'Same.')], 0.02),
      await planned('r-2', [await said('b1', 'Same.')], 0.02),
    ];
    const { changes } = await compareRuns(before, after, { blobs, textDiff });
    expect(describeRunChanges(changes)).toBe('as before');
    expect(describeRunChanges({ ...changes, costUsd: { before: 0.02, after: null } })).toBe('cost unknown, was $0.02');
  });

  it('takes a file that only one of them changed for as it was at the fork point in the other', () => {
    const [one, two] = [version('1'), version('2')];
    const before = changeSet([
      { path: 'both', before: one, after: two },
      { path: 'made', before: null, after: one },
      { path: 'removed', before: one, after: null },
    ]);
    const after = changeSet([
      { path: 'both', before: one, after: two },
      { path: 'new', before: null, after: two },
      { path: 'touched', before: one, after: two },
    ]);
    expect(differingFiles(before, after)).toEqual([
      { path: 'made', status: 'deleted' },
      { path: 'new', status: 'added' },
      { path: 'removed', status: 'added' },
      { path: 'touched', status: 'modified' },
    ]);
  });
});
