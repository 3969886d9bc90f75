import { type ReplayRequest, replayRequestSchema } from '../core/fork/forkRequest.ts';
import type { EngineKind } from '../core/fork/runChoices.ts';
import type { RecordedSession, TurnOutline } from '../core/session/recordedSession.ts';
import { type AgentAnswers, agentSettings, firstAnswers } from './agentAnswers.ts';
import type { AgentDefaults } from './agentDefaults.ts';
import type { SessionTarget } from './commandTable.ts';
import { type DispatchDeps, dispatchRun, requireTrust } from './dispatchRun.ts';
import { offeredModels } from './models.ts';
import type { Pickers } from './pickers.ts';
import { agentSteps } from './quickAgents.ts';
import { askEngine, askModels, isDemo } from './quickFork.ts';
import { kept, type StepOptions, walk } from './quickInput.ts';
import { settings } from './settings.ts';

const title = 'Replay Session';

type Step = NonNullable<StepOptions['step']>;

interface ReplayDraft extends AgentAnswers {
  session?: RecordedSession;
  from: number;
  models: string[];
  engine: EngineKind;
}

/** Asks for session, first turn, models and engine; shows what will be sent; replays. */
export async function replaySession(
  given: SessionTarget | undefined,
  pickers: Pickers,
  deps: DispatchDeps,
): Promise<void> {
  requireTrust();
  const { sessions, agents } = await deps.services.get();
  const [agent, defaults] = [await agents.find(), settings.agents()];
  const draft: ReplayDraft = {
    ...firstAnswers(agent, deps.choices, defaults, isDemo()),
    from: 1,
    models: [],
    engine: settings.engine(),
  };
  const choose = async (target: SessionTarget): Promise<void> => {
    draft.session = (await sessions.open(target.file)).session;
  };
  if (typeof given?.file === 'string') await choose(given);
  const askFirst = (step: Step) =>
    draft.session === undefined
      ? Promise.resolve(undefined)
      : pickers.askTurn(draft.session, title, 'First turn to replay', step);
  const done = await walk([
    ...(draft.session === undefined
      ? [
          async (step: Step) => {
            const picked = await pickers.askSession(title, step);
            if (picked !== undefined && picked !== 'back') await choose(picked);
            return picked;
          },
        ]
      : []),
    (step) =>
      kept<TurnOutline>(askFirst(step), (turn) => {
        draft.from = turn.index;
        draft.models = turn.models.filter((model) => !model.startsWith('<')).slice(0, 1);
      }),
    async (step) => {
      const offered = offeredModels(draft.session?.summary.models ?? [], settings.models(), await sessions.list());
      return kept(askModels(offered, draft.models, step, title), (models) => (draft.models = models));
    },
    ...agentSteps(title, 'At the first turn', agent, draft),
    (step) => kept(askEngine(title, draft.engine, step), (engine) => (draft.engine = engine)),
  ]);
  if (!done || draft.session === undefined) return;
  if (agent !== null) await deps.choices.keepExecutor(draft.executor);
  const request = requestOf(draft, draft.session.summary.file, defaults);
  await dispatchRun({ kind: 'replay', request }, deps);
}

function requestOf(draft: ReplayDraft, session: string, defaults: AgentDefaults): ReplayRequest {
  const { from, models, engine } = draft;
  return replayRequestSchema.parse({ session, from, models, engine, ...agentSettings(draft, defaults) });
}
