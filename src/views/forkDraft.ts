import type { Effort } from '../core/api/modelFacts.ts';
import { type BranchSpec, type ForkRequest, forkRequestSchema } from '../core/fork/forkRequest.ts';
import type { EngineKind, ToolPolicy } from '../core/fork/runChoices.ts';
import { modelName } from '../core/format.ts';
import { type AgentAnswers, agentSettings } from './agentAnswers.ts';
import type { AgentDefaults } from './agentDefaults.ts';
import type { TurnTarget } from './commandTable.ts';

/** What the steps fill in. */
export interface ForkDraft extends AgentAnswers {
  models: string[];
  prompt: string | null;
  system: BranchSpec['system'] | null;
  effort: Effort | null;
  repeats: number;
  engine: EngineKind;
  tools: ToolPolicy;
}

/** One branch a model: the model's name, told apart where two read the same. */
export function forkRequestOf(draft: ForkDraft, turn: TurnTarget, defaults: AgentDefaults): ForkRequest {
  const names = draft.models.map(modelName);
  const branches = draft.models.map((model, index) => ({
    name: names.filter((name) => name === names[index]).length > 1 ? model : (names[index] ?? model),
    model,
    repeats: draft.repeats,
    ...(draft.system !== null && { system: draft.system }),
    ...(draft.effort !== null && { effort: draft.effort }),
  }));
  return forkRequestSchema.parse({
    session: turn.file,
    at: { turn: turn.turn },
    engine: draft.engine,
    tools: draft.tools,
    ...agentSettings(draft, defaults),
    branches,
    ...(draft.prompt !== null && { prompt: draft.prompt }),
  });
}
