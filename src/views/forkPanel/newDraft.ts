import type { ForkPoint } from '../../core/fork/forkRequest.ts';
import type { EngineKind } from '../../core/fork/runChoices.ts';
import type { AgentDefaults } from '../agentDefaults.ts';
import { asRecorded, type ForkDraft } from './protocol.ts';

/** What the settings say that a fork begins with. */
export interface DraftDefaults extends Pick<AgentDefaults, 'checks' | 'setup' | 'permissions'> {
  engine: EngineKind;
}

/** An untouched fork: one branch that changes nothing. */
export function newDraft(session: string, at: ForkPoint, defaults: DraftDefaults): ForkDraft {
  return {
    edits: 0,
    session,
    at,
    prompt: null,
    branches: [{ key: 'recorded', name: 'as recorded', ...asRecorded, repeats: '1', open: [] }],
    engine: defaults.engine,
    tools: 'recorded',
    maxSteps: '20',
    timeoutMinutes: '10',
    budgetUsd: '',
    executor: null,
    place: 'auto',
    files: { mode: 'turn', commit: '' },
    permissions: defaults.permissions,
    allowRecorded: false,
    setup: defaults.setup.map((run, index) => ({ key: `s${index + 1}`, run })),
    checks: defaults.checks.map(({ name, run, timeoutSeconds }, index) => ({
      key: `c${index + 1}`,
      name: name === run ? '' : name,
      run,
      timeoutSeconds,
    })),
    maxTurns: '',
  };
}
