import type { EngineKind, ForkPoint } from '../../core/fork/forkRequest.ts';
import type { ForkDraft } from './protocol.ts';

/** An untouched fork: one branch that changes nothing. */
export function newDraft(session: string, at: ForkPoint, engine: EngineKind): ForkDraft {
  return {
    edits: 0,
    session,
    at,
    prompt: null,
    branches: [
      {
        key: 'recorded',
        name: 'as recorded',
        model: null,
        prompt: null,
        system: { mode: 'recorded', text: '' },
        effort: null,
        thinking: { mode: 'recorded', tokens: '' },
        maxTokens: '',
        repeats: '1',
        open: [],
      },
    ],
    engine,
    tools: 'recorded',
    maxSteps: '20',
    timeoutMinutes: '10',
    budgetUsd: '',
  };
}
