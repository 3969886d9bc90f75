import type { AgentPreview } from '../../../../src/core/fork/agent/agentPreview.ts';
import type { AgentDefaults } from '../../../../src/views/agentDefaults.ts';
import type { DraftDefaults } from '../../../../src/views/forkPanel/newDraft.ts';

/** Settings as they are when nobody has changed them. */
export const agentDefaults: AgentDefaults = {
  checks: [],
  setup: [],
  teardown: [],
  include: ['.env*'],
  concurrency: 2,
  permissions: 'ask',
};

export const draftDefaults: DraftDefaults = { ...agentDefaults, engine: 'in-process' };

/** A Claude Code with a subscription, and an overlay to work in. */
export function agentPreview(over: Partial<AgentPreview> = {}): AgentPreview {
  const overlay = { kind: 'overlay' as const, available: true, detail: 'Copy-on-write at the recorded path.' };
  return {
    agent: {
      program: '/opt/claude',
      version: '2.1.329',
      from: 'PATH',
      login: 'Claude Max plan',
      billing: 'subscription',
    },
    folder: '/home/me/shop',
    place: overlay,
    places: [overlay, { kind: 'worktree', available: true, detail: 'Another path.' }],
    filesChoice: 'turn',
    files: { exact: 12, likely: 1, unknown: 2 },
    base: null,
    warnings: [],
    setupOffers: [],
    ...over,
  };
}
