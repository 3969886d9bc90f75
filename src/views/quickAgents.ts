import type { FoundAgent } from '../core/agent/agentPorts.ts';
import {
  type CheckSpec,
  checkSpecSchema,
  type Executor,
  filesChoiceSchema,
  type PermissionPolicy,
  type PlaceChoice,
  placeKindSchema,
} from '../core/agent/agentSettings.ts';
import type { AgentAnswers } from './agentAnswers.ts';
import { checkName } from './agentDefaults.ts';
import { agentName, loginFact, placeNames } from './agentTexts.ts';
import {
  askText,
  type Choice,
  choice,
  kept,
  pickMany,
  pickOne,
  type StepOptions,
  type StepResult,
  skip,
  walk,
} from './quickInput.ts';

type Step = NonNullable<StepOptions['step']>;

/** What is asked about who answers: nothing where there is no Claude Code, and nothing more where it isn't chosen. */
export function agentSteps(
  title: string,
  moment: string,
  agent: FoundAgent | null,
  draft: AgentAnswers,
): ((step: Step) => Promise<unknown>)[] {
  if (agent === null) return [];
  const whereAgent =
    <T>(ask: (step: Step) => Promise<StepResult<T>>, keep: (value: T) => void) =>
    (step: Step) =>
      draft.executor === 'claude-code' ? kept(ask(step), keep) : Promise.resolve(skip);
  return [
    (step) => kept(askExecutor(title, agent, draft.executor, step), (executor) => (draft.executor = executor)),
    whereAgent(
      (step) => askFiles(title, moment, draft.files, step),
      (files) => (draft.files = files),
    ),
    whereAgent(
      (step) => askPermissions(title, draft.permissions, step),
      (permissions) => (draft.permissions = permissions),
    ),
    (step) => (draft.executor === 'claude-code' ? askMore(title, draft, step) : Promise.resolve(skip)),
  ];
}

/** What most people leave as it is, in one step that says how it stands. */
async function askMore(title: string, draft: AgentAnswers, step: Step): Promise<StepResult<true>> {
  for (;;) {
    const choices = [choice(false, 'Go On', standing(draft)), choice(true, 'More Settings…', 'place, checks, set-up')];
    const more = await pickOne(choices, { title, placeholder: 'Place, checks, set-up', step });
    if (more !== true) return more === false ? true : more;
    const heading = `${title} · More Settings`;
    const done = await walk([
      (at) => kept(askPlace(heading, draft.place, at), (place) => (draft.place = place)),
      (at) => kept(askChecks(heading, draft.checks, at), (checks) => (draft.checks = checks)),
      (at) => kept(askSetup(heading, draft.setup, at), (setup) => (draft.setup = setup)),
    ]);
    if (!done) return undefined;
  }
}

function standing({ place, checks, setup }: AgentAnswers): string {
  return [
    place === 'auto' ? 'the best place' : place,
    checks.length === 0 ? 'no checks' : `checks: ${checks.map(({ name }) => name).join(', ')}`,
    setup.length === 0 ? 'no set-up' : `set-up: ${setup.join(', ')}`,
  ].join(' · ');
}

function askPlace(title: string, active: PlaceChoice, step: Step): Promise<StepResult<PlaceChoice>> {
  const kinds = placeKindSchema.options.map((kind) => choice<PlaceChoice>(kind, placeNames[kind]));
  const choices = [choice<PlaceChoice>('auto', 'the best that can be had'), ...kinds];
  return pickOne(choices, { title, placeholder: 'Place: where each agent works', step, active });
}

async function askChecks(title: string, checks: readonly CheckSpec[], step: Step): Promise<StepResult<CheckSpec[]>> {
  const choices = checks.map(({ run, name }) => choice(run, name, name === run ? '' : run));
  const placeholder = 'Checks: commands that say pass or fail. Type one to add it';
  const picked = await askCommands(choices, { title, placeholder, step });
  if (picked === undefined || picked === 'back') return picked;
  return picked.map(
    (run) => checks.find((check) => check.run === run) ?? checkSpecSchema.parse({ name: checkName({ run }), run }),
  );
}

function askSetup(title: string, setup: readonly string[], step: Step): Promise<StepResult<string[]>> {
  const choices = setup.map((command) => choice(command, command));
  const placeholder = 'Set-up: commands before the agent starts. Type one to add it';
  return askCommands(choices, { title, placeholder, step });
}

function askCommands(choices: Choice<string>[], options: StepOptions): Promise<StepResult<string[]>> {
  const ticked = choices.map(({ value }) => value);
  return pickMany(choices, { ...options, ticked, none: true, typed: (text) => choice(text, text, 'add') });
}

function askExecutor(title: string, agent: FoundAgent, active: Executor, step: Step): Promise<StepResult<Executor>> {
  const choices = [
    choice<Executor>(
      'claude-code',
      `${agentName(agent)}, in a copy of its own`,
      loginFact(agent).text,
      'Really uses its tools',
    ),
    choice<Executor>('api', 'Messages API', 'nothing is executed', 'Tool calls get their recorded results'),
  ];
  return pickOne(choices, { title, placeholder: 'Answered by', step, active });
}

/** Which files agents begin with. @param moment what the recorded state is called, for example `At this turn` */
async function askFiles(title: string, moment: string, files: string, step: Step): Promise<StepResult<string>> {
  const named = files === 'turn' || files === 'now' ? null : files;
  const commit = 'commit' as const;
  const choices = [
    choice<string>('turn', moment, 'files that the session touched are put back as they were'),
    choice<string>('now', 'As they are now', 'with what is not committed'),
    choice<string>(commit, 'At a commit…', named ?? ''),
  ];
  const active = named === null ? files : commit;
  const picked = await pickOne(choices, { title, placeholder: 'Files', step, active });
  if (picked !== commit) return picked;
  return askText({
    title,
    placeholder: 'Hash, branch or tag',
    step,
    value: named ?? '',
    validate: (text) =>
      filesChoiceSchema.safeParse(text.trim()).success ? undefined : 'Name a commit: its hash, a branch or a tag.',
  });
}

function askPermissions(title: string, active: PermissionPolicy, step: Step): Promise<StepResult<PermissionPolicy>> {
  const choices = [
    choice<PermissionPolicy>('ask', 'What is not allowed', 'waits for you; edits in its own copy go through'),
    choice<PermissionPolicy>('deny', 'Nothing: what is not allowed is denied', 'for runs that nobody watches'),
  ];
  return pickOne(choices, { title, placeholder: 'Asks for', step, active });
}
