import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { createFolderStore } from '../../../../src/adapters/shared/createFolderStore.ts';
import { SharedLog } from '../../../../src/adapters/shared/sharedLog.ts';
import { branchIdSchema } from '../../../../src/core/ids.ts';
import type { BranchEvent } from '../../../../src/core/run/branchEvent.ts';
import type { SharedStore } from '../../../../src/core/sharedStore.ts';
import { testRunId } from '../../../support/storedPlan.ts';

it('writes events once where the answer to the first request was lost and the client asks again', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'forkpoint-shared-log-'));
  const folder = createFolderStore(dir);
  const forgetful: SharedStore = {
    location: folder.location,
    pollMs: 1,
    get: (name) => folder.get(name),
    put: (name, bytes) => folder.put(name, bytes),
    list: (prefix, after) => folder.list(prefix, after),
    deleteAll: (prefix) => folder.deleteAll(prefix),
    create: async (name, bytes) => {
      await folder.create(name, bytes);
      return folder.create(name, bytes);
    },
  };
  const runId = testRunId();
  const note = (text: string): BranchEvent => {
    return { type: 'branch-note', runId, branchId: branchIdSchema.parse('b1'), at: '2026-11-30T12:00:00.000Z', text };
  };
  try {
    const log = new SharedLog(forgetful);
    await log.append(note('one'));
    await Promise.all([log.append(note('two')), log.append(note('three'))]);
    const other = new SharedLog(folder);
    await other.append(note('four'));
    const segments = await other.read(runId, 1);
    expect(segments.map(({ number }) => number)).toEqual(segments.map((_, index) => index + 1));
    const texts = segments.flatMap(({ events }) => events.map((event) => event['text']));
    expect(texts).toEqual(['one', 'two', 'three', 'four']);
    expect(await other.read(runId, segments.length + 1)).toEqual([]);
  } finally {
    await rm(dir, { recursive: true });
  }
});
