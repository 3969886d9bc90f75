import type { FoundAgent } from '../core/agent/agentPorts.ts';
import { type Executor, filesChoiceSchema, type PermissionPolicy } from '../core/agent/agentSettings.ts';
import type { AgentAnswers } from './agentAnswers.ts';
import { agentName, loginFact } from './agentTexts.ts';
import { askText, choice, kept, pickOne, type StepOptions, type StepResult, skip } from './quickInput.ts';

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
  ];
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
