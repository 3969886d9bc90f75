import { type BranchId, branchIdSchema, runIdSchema, type SessionId, type TurnId } from '../../../../src/core/ids.ts';
import type { BranchView, RunView } from '../../../../src/core/run/runView.ts';
import { noUsage } from '../../../../src/core/session/recordedSession.ts';

export function branch(id: string, over: Partial<BranchView> = {}): BranchView {
  return {
    branchId: branchIdSchema.parse(id) as BranchId,
    name: 'cheaper',
    repeat: 1,
    repeats: 1,
    state: 'completed',
    model: 'claude-haiku-4-5',
    steps: 1,
    usage: { ...noUsage, outputTokens: 1_200 },
    costUsd: 0.02,
    startedAt: '2026-11-20T10:00:00Z',
    endedAt: '2026-11-20T10:00:08Z',
    attempts: 1,
    stopReason: 'end_turn',
    error: null,
    text: 'Done.',
    unfinishedText: '',
    toolCalls: [],
    billing: 'known',
    divergedAtTurn: null,
    changes: ['model'],
    notes: [],
    results: [],
    retryingInMs: null,
    ...over,
  };
}

export function run(over: Partial<RunView> = {}): RunView {
  return {
    runId: runIdSchema.parse('r-1'),
    kind: 'fork',
    engine: 'in-process',
    provider: 'anthropic',
    state: 'completed',
    interrupted: false,
    createdAt: '2026-11-20T10:00:00Z',
    endedAt: '2026-11-20T10:01:00Z',
    title: 'Now handle emoji',
    session: { sessionId: 's' as SessionId, file: '/s.jsonl', title: 'Fix the slugify edge cases', projectPath: null },
    point: { kind: 'before', uuid: 'u', turnIndex: 2, turnId: 't' as TurnId, label: 'before “Now handle emoji”' },
    fidelity: 'exact',
    missing: [],
    budgetUsd: null,
    costUsd: 0.04,
    branches: [branch('b1-1')],
    ...over,
  };
}
