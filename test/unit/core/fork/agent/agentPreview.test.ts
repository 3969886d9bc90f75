import { expect, it } from 'vitest';
import { type PlannedAgents, previewAgents } from '../../../../../src/core/fork/agent/agentPreview.ts';

async function warnings(version: string | null, recordedVersion: string | null, hasHistory = true): Promise<string[]> {
  const planned = {
    agent: { program: '/usr/bin/claude', version },
    plan: { folder: '/home/sam/app', place: 'auto', filesChoice: 'now', recordedEnd: null, base: null, setup: [] },
    files: { files: [], unknown: [], warnings: [] },
    notes: [],
    hasHistory,
    recordedVersion,
  } as unknown as PlannedAgents;
  const overlay = { kind: 'overlay', available: true, detail: '' } as const;
  return (await previewAgents(planned, { placeOptions: async () => [overlay] })).warnings;
}

it('says that another version than the recording’s may send another beginning', async () => {
  const [warning] = await warnings('2.1.200', '2.1.329');
  expect(warning).toContain('Claude Code 2.1.200 answers, 2.1.329 recorded');
  expect(await warnings('2.1.329', '2.1.329')).toEqual([]);
  expect(await warnings(null, '2.1.329')).toEqual([]);
  expect(await warnings('2.1.200', null)).toEqual([]);
  expect(await warnings('2.1.200', '2.1.329', false)).toEqual([]);
});
