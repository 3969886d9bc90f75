import { type Effort, effortSchema } from '../core/api/modelFacts.ts';
import { BadInputError } from '../core/errors.ts';
import type { BranchSpec } from '../core/fork/forkRequest.ts';
import type { EngineKind, ToolPolicy } from '../core/fork/runChoices.ts';
import { firstAnswers } from './agentAnswers.ts';
import type { TurnTarget } from './commandTable.ts';
import { type DispatchDeps, dispatchRun, requireTrust } from './dispatchRun.ts';
import { type ForkDraft, forkRequestOf } from './forkDraft.ts';
import { offeredModels } from './models.ts';
import type { Pickers } from './pickers.ts';
import { agentSteps } from './quickAgents.ts';
import {
  askText,
  choice,
  kept,
  pickMany,
  pickOne,
  type StepOptions,
  type StepResult,
  skip,
  walk,
} from './quickInput.ts';
import { settings } from './settings.ts';

const title = 'Fork with Quick Pick';

type Step = NonNullable<StepOptions['step']>;

/** The whole fork by keyboard, without the panel: a quick pick a question, then the preview, then the run. */
export async function forkWithQuickPick(
  given: TurnTarget | undefined,
  pickers: Pickers,
  deps: DispatchDeps,
): Promise<void> {
  requireTrust();
  const turn = await pickers.turn(given, title);
  if (turn === undefined) return;
  const { sessions, agents } = await deps.services.get();
  const { session } = await sessions.open(turn.file);
  const recorded = session.turns.find(({ index }) => index === turn.turn);
  if (recorded === undefined)
    throw new BadInputError(`The session has no turn ${turn.turn}.`, 'Refresh the Sessions view and choose again.');
  const [agent, defaults] = [await agents.find(), settings.agents()];
  const draft: ForkDraft = {
    ...firstAnswers(agent, deps.choices, defaults, isDemo()),
    models: recorded.models.slice(0, 1),
    prompt: null,
    system: null,
    effort: null,
    repeats: 1,
    engine: settings.engine(),
    tools: 'recorded',
  };
  const offered = offeredModels(
    [...recorded.models, ...session.summary.models],
    settings.models(),
    await sessions.list(),
  );
  const done = await walk([
    (step) => kept(askModels(offered, draft.models, step), (models) => (draft.models = models)),
    (step) => kept(askPrompt(recorded.prompt, draft.prompt, step), ({ prompt }) => (draft.prompt = prompt)),
    (step) => kept(askSystem(step), ({ system }) => (draft.system = system)),
    (step) => kept(askEffort(step), ({ effort }) => (draft.effort = effort)),
    (step) => kept(askRepeats(draft.repeats, step), (repeats) => (draft.repeats = repeats)),
    ...agentSteps(title, 'At this turn', agent, draft),
    (step) => kept(askEngine(title, draft.engine, step), (engine) => (draft.engine = engine)),
    (step) =>
      draft.executor === 'api'
        ? kept(askTools(draft.tools, step), (tools) => (draft.tools = tools))
        : Promise.resolve(skip),
  ]);
  if (!done) return;
  if (agent !== null) await deps.choices.keepExecutor(draft.executor);
  await dispatchRun({ kind: 'fork', request: forkRequestOf(draft, turn, defaults) }, deps);
}

/** The offline demo model answers. */
export function isDemo(): boolean {
  return process.env['FORKPOINT_DEMO'] === '1';
}

/** Ticks models; any other id can be typed. */
export function askModels(
  offered: ReturnType<typeof offeredModels>,
  ticked: readonly string[],
  step: Step,
  heading = title,
): Promise<StepResult<string[]>> {
  const choices = offered.map(({ id, name, source }) => choice(id, name, name === id ? source : `${id} · ${source}`));
  return pickMany(choices, {
    title: heading,
    placeholder: 'Models: one branch each. Type an id for another one',
    step,
    ticked,
    typed: (text) => (/^[\w.:@/[\]-]+$/.test(text) ? choice(text, text, 'typed') : null),
  });
}

export function askEngine(heading: string, engine: EngineKind, step: Step): Promise<StepResult<EngineKind>> {
  const choices = [
    choice<EngineKind>('in-process', 'This window', 'nothing to install; ends with the window, and can be resumed'),
    choice<EngineKind>('temporal', 'Temporal', 'durable: goes on when the window closes'),
  ];
  return pickOne(choices, { title: heading, placeholder: 'Run in', step, active: engine });
}

async function askPrompt(
  recorded: string,
  own: string | null,
  step: Step,
): Promise<StepResult<{ prompt: string | null }>> {
  const choices = [
    choice('recorded' as const, 'As recorded', '', recorded),
    choice('own' as const, 'Another prompt…', '', own ?? undefined),
  ];
  const picked = await pickOne(choices, {
    title,
    placeholder: 'Prompt',
    step,
    active: own === null ? 'recorded' : 'own',
  });
  if (picked === undefined || picked === 'back') return picked;
  if (picked === 'recorded') return { prompt: null };
  const text = await askText({
    title,
    placeholder: 'Prompt',
    step,
    value: own ?? recorded,
    validate: notEmpty('Write a prompt.'),
  });
  return text === undefined || text === 'back' ? text : { prompt: text };
}

async function askSystem(step: Step): Promise<StepResult<{ system: BranchSpec['system'] | null }>> {
  const choices = [
    choice('recorded' as const, 'As recorded'),
    choice('append' as const, 'Append to it…', 'adds a text after the recorded system prompt'),
    choice('replace' as const, 'Replace it…', 'sends another system prompt instead'),
  ];
  const picked = await pickOne(choices, { title, placeholder: 'System prompt', step });
  if (picked === undefined || picked === 'back') return picked;
  if (picked === 'recorded') return { system: null };
  const placeholder = picked === 'append' ? 'Text to append' : 'System prompt';
  const text = await askText({
    title,
    placeholder,
    step,
    validate: picked === 'append' ? notEmpty('Write what to append.') : () => undefined,
  });
  if (text === undefined || text === 'back') return text;
  return { system: picked === 'append' ? { append: text } : { replace: text } };
}

function askEffort(step: Step): Promise<StepResult<{ effort: Effort | null }>> {
  const choices = [
    choice<{ effort: Effort | null }>({ effort: null }, 'As recorded'),
    ...effortSchema.options.map((effort) => choice<{ effort: Effort | null }>({ effort }, effort)),
  ];
  return pickOne(choices, { title, placeholder: 'Effort', step });
}

async function askRepeats(repeats: number, step: Step): Promise<StepResult<number>> {
  const text = await askText({
    title,
    placeholder: 'Repeats of each branch, 1 to 50',
    step,
    value: String(repeats),
    validate: (value) =>
      /^\d{1,2}$/.test(value) && Number(value) >= 1 && Number(value) <= 50 ? undefined : 'Enter a number from 1 to 50.',
  });
  return text === undefined || text === 'back' ? text : Number(text);
}

function askTools(tools: ToolPolicy, step: Step): Promise<StepResult<ToolPolicy>> {
  const choices = [
    choice<ToolPolicy>(
      'recorded',
      'Answer from the recording',
      'a call equal to a recorded one gets its recorded result; any other ends the branch',
    ),
    choice<ToolPolicy>('stop', 'Stop at first call', 'one reply a branch'),
  ];
  return pickOne(choices, { title, placeholder: 'Tools. Nothing is executed on this machine', step, active: tools });
}

function notEmpty(message: string): (text: string) => string | undefined {
  return (text) => (text.trim() === '' ? message : undefined);
}
