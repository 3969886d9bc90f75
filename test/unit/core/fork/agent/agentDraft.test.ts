import { expect, it } from 'vitest';
import { draftAgents } from '../../../../../src/core/fork/agent/agentDraft.ts';
import type { AgentProject } from '../../../../../src/core/fork/agent/agentPlanning.ts';
import { branchSpecSchema, forkRequestSchema } from '../../../../../src/core/fork/forkRequest.ts';
import type { OpenSession } from '../../../../../src/core/fork/sessionStore.ts';
import { sessionOfCase } from '../../../../support/caseFolders.ts';
import { MemoryBlobs } from '../../../../support/memoryStores.ts';

const nothing = { files: [], unknown: [], warnings: [] };
const project: AgentProject = {
  setupOffers: async () => [],
  baseOf: async () => ({ commit: null, notes: [] }),
  rules: async () => [],
  placedFiles: async () => nothing,
  uncommitted: async () => [],
};

/** Drafts a fork before the first turn of a case that Claude Code answers. */
function draftOf(name: string) {
  const { session, requests, chainAt } = sessionOfCase(name);
  const blobs = new MemoryBlobs();
  return draftAgents(
    {
      open: { session } as unknown as OpenSession,
      context: requests.forkAt({ turn: 1 }),
      chain: chainAt({ turn: 1 }),
      turns: [],
      settings: forkRequestSchema.parse({ session: 's', at: { turn: 1 }, branches: [{ name: 'a' }] }),
    },
    {
      find: async () => ({ program: '/opt/claude', version: '2.1.329', from: 'PATH', login: null, billing: null }),
      placeOptions: async () => [],
      configDirOf: () => '/config',
      project: async () => project,
      put: (value) => blobs.put(value),
    },
  );
}

it('w06: says that other words go out without what Claude Code put beside the recorded prompt', async () => {
  const draft = await draftOf('w06-reminder-and-prompt-in-one-string');
  const branch = (over: object) => branchSpecSchema.parse({ name: 'a', ...over });
  const note = 'What Claude Code put beside the recorded prompt is left out of the new one.';
  expect(draft.notes(branch({ prompt: 'Sort it backwards' }), undefined)).toEqual([note]);
  expect(draft.notes(branch({}), 'Sort it backwards')).toEqual([note]);
  expect(draft.notes(branch({ prompt: 'Sort the list' }), undefined)).toEqual([]);
  expect(draft.notes(branch({}), undefined)).toEqual([]);
});
