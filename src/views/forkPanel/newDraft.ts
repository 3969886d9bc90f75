import type { EngineKind, ForkPoint } from '../../core/fork/forkRequest.ts';
import { asRecorded, type ForkDraft } from './protocol.ts';

/** An untouched fork: one branch that changes nothing. */
export function newDraft(session: string, at: ForkPoint, engine: EngineKind): ForkDraft {
  return {
    edits: 0,
    session,
    at,
    prompt: null,
    branches: [{ key: 'recorded', name: 'as recorded', ...asRecorded, repeats: '1', open: [] }],
    engine,
    tools: 'recorded',
    maxSteps: '20',
    timeoutMinutes: '10',
    budgetUsd: '',
  };
}
