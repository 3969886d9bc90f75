import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { createFolderStore } from '../../../../src/adapters/shared/createFolderStore.ts';
import { SharedLog } from '../../../../src/adapters/shared/sharedLog.ts';
import { branchIdSchema } from '../../../../src/core/ids.ts';
import type { BranchEvent } from '../../../../src/core/run/branchEvent.ts';
import { testRunId } from '../../../support/storedPlan.ts';

it('is one row of segments without a gap, whoever writes and however far the others are', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'forkpoint-shared-log-'));
  const folder = createFolderStore(dir);
  const runId = testRunId();
  const note = (text: string): BranchEvent => {
    return { type: 'branch-note', runId, branchId: branchIdSchema.parse('b1'), at: '2026-11-30T12:00:00.000Z', text };
  };
  try {
    const log = new SharedLog(folder);
    const other = new SharedLog(folder);
    await log.append(note('one'));
    const others = Array.from({ length: 20 }, (_, index) => `other ${index}`);
    for (const text of others) await other.append(note(text));
    await Promise.all([log.append(note('two')), log.append(note('three'))]);
    await other.append(note('four'));
    const segments = await other.read(runId, 1);
    expect(segments.map(({ number }) => number)).toEqual(segments.map((_, index) => index + 1));
    const texts = segments.flatMap(({ events }) => events.map((event) => event['text']));
    expect(texts).toEqual(['one', ...others, 'two', 'three', 'four']);
    expect(await other.read(runId, segments.length + 1)).toEqual([]);
  } finally {
    await rm(dir, { recursive: true });
  }
});
