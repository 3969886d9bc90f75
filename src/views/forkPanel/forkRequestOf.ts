import type { z } from 'zod';
import type { Executor } from '../../core/agent/agentSettings.ts';
import { type ForkRequest, forkRequestSchema } from '../../core/fork/forkRequest.ts';
import { type AgentDefaults, checkName } from '../agentDefaults.ts';
import type { BranchDraft, FieldProblem, ForkDraft } from './protocol.ts';

export type DraftReading = { request: ForkRequest; problems: [] } | { request: null; problems: FieldProblem[] };

/** What a request says beside the draft: who answers, and what the settings hold for agents. */
export interface RequestChoices extends Pick<AgentDefaults, 'teardown' | 'include' | 'concurrency'> {
  executor: Executor;
}

type ReadNumber = (field: string, text: string, unit: string) => number | undefined;

/** What a draft asks for, or what is wrong with it, field by field. Texts equal to the recorded ones count as unchanged. */
export function forkRequestOf(draft: ForkDraft, recordedPrompt: string | null, choices: RequestChoices): DraftReading {
  const problems: FieldProblem[] = [];
  const number: ReadNumber = (field, text, unit) => {
    if (text.trim() === '') return undefined;
    const value = Number(text.trim().replace(/^\$/, ''));
    if (!Number.isFinite(value))
      problems.push({ field, message: `“${text.trim().slice(0, 40)}” is not a number of ${unit}.` });
    return Number.isFinite(value) ? value : undefined;
  };
  const minutes = number('timeoutMinutes', draft.timeoutMinutes, 'minutes');
  const candidate = {
    session: draft.session,
    at: draft.at,
    prompt: ownPrompt(draft.prompt, recordedPrompt),
    engine: draft.engine,
    executor: choices.executor,
    budgetUsd: number('budgetUsd', draft.budgetUsd, 'dollars'),
    timeoutSeconds: minutes === undefined ? undefined : minutes * 60,
    branches: draft.branches.map((branch) => branchSpecOf(branch, number, problems)),
    // What the other one would be asked for is not shown, so it can't be wrong either.
    ...(choices.executor === 'api'
      ? { tools: draft.tools, maxSteps: number('maxSteps', draft.maxSteps, 'steps') }
      : agentOptions(draft, choices, number, problems)),
  };
  if (recordedPrompt !== null && draft.prompt?.trim() === '') {
    problems.push({ field: 'prompt', message: 'Write a prompt, or go back to the recorded one.' });
  }
  const parsed = forkRequestSchema.safeParse(candidate);
  if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => problemOf(issue, draft)));
  if (problems.length === 0 && parsed.success) return { request: parsed.data, problems: [] };
  return { request: null, problems: firstOfEachField(problems) };
}

function agentOptions(
  draft: ForkDraft,
  { teardown, include, concurrency }: RequestChoices,
  number: ReadNumber,
  problems: FieldProblem[],
) {
  const { mode, commit } = draft.files;
  if (mode === 'commit' && commit.trim() === '') {
    problems.push({ field: 'files', message: 'Name a commit: its hash, a branch or a tag.' });
  }
  const checks = filledChecks(draft);
  const names = new Set<string>();
  for (const { key, name, run } of checks) {
    const called = checkName({ name, run });
    if (names.has(called)) {
      problems.push({ field: `check:${key}:name`, message: `Two checks are called “${called}”. Name one of them.` });
    }
    names.add(called);
  }
  return {
    place: draft.place,
    files: mode === 'commit' ? commit.trim() || 'now' : mode,
    permissions: draft.permissions,
    allowRecorded: draft.allowRecorded,
    setup: filledSetup(draft).map(({ run }) => run),
    checks: checks.map(({ name, run, timeoutSeconds }) => ({
      name: checkName({ name, run }),
      run,
      timeoutSeconds: timeoutSeconds ?? undefined,
    })),
    maxTurns: number('maxTurns', draft.maxTurns, 'turns'),
    teardown,
    include,
    concurrency,
  };
}

/** A row that was added and not filled in yet asks for nothing. */
const filledChecks = ({ checks }: ForkDraft) => checks.filter(({ name, run }) => `${name}${run}`.trim() !== '');
const filledSetup = ({ setup }: ForkDraft) => setup.filter(({ run }) => run.trim() !== '');

/** The field that a path of a fork request belongs to, for example `branches.1.maxTokens`. */
export function fieldOfPath(path: readonly PropertyKey[], draft: ForkDraft): string {
  const [first, index, member] = path;
  if (first === 'timeoutSeconds') return 'timeoutMinutes';
  if (first === 'at' || first === 'session') return 'cut';
  if (typeof index === 'number') {
    const branch = draft.branches[index];
    if (first === 'branches' && branch) return `branch:${branch.key}:${String(member ?? 'name')}`;
    const check = filledChecks(draft)[index];
    if (first === 'checks' && check) return `check:${check.key}:${member === 'run' ? 'run' : 'name'}`;
    const command = filledSetup(draft)[index];
    if (first === 'setup' && command) return `setup:${command.key}:run`;
  }
  return String(first ?? 'run');
}

function branchSpecOf(branch: BranchDraft, number: ReadNumber, problems: FieldProblem[]) {
  const field = (name: string) => `branch:${branch.key}:${name}`;
  if (branch.prompt?.trim() === '') {
    problems.push({ field: field('prompt'), message: 'Write a prompt for this branch, or take the shared one.' });
  }
  if (branch.model?.trim() === '') {
    problems.push({ field: field('model'), message: 'Choose a model or type its id.' });
  }
  const budget =
    branch.thinking.mode === 'budget' ? number(field('thinking'), branch.thinking.tokens, 'tokens') : undefined;
  if (branch.thinking.mode === 'budget' && branch.thinking.tokens.trim() === '') {
    problems.push({ field: field('thinking'), message: 'Give the thinking budget in tokens, 1,024 or more.' });
  }
  return {
    name: branch.name,
    model: branch.model?.trim() || undefined,
    prompt: branch.prompt?.trim() ? branch.prompt : undefined,
    system: systemOf(branch, problems),
    effort: branch.effort ?? undefined,
    thinking: branch.thinking.mode === 'off' ? 'off' : budget === undefined ? undefined : { budgetTokens: budget },
    maxTokens: number(field('maxTokens'), branch.maxTokens, 'tokens'),
    repeats: number(field('repeats'), branch.repeats, 'repeats') ?? 1,
  };
}

function systemOf({ key, system }: BranchDraft, problems: FieldProblem[]) {
  if (system.mode === 'recorded') return undefined;
  if (system.mode === 'replace') return { replace: system.text };
  if (system.text.trim() !== '') return { append: system.text };
  problems.push({ field: `branch:${key}:system`, message: 'Write what to append to the system prompt.' });
  return undefined;
}

/** Null where the shared prompt says nothing of its own. */
function ownPrompt(prompt: string | null, recordedPrompt: string | null): string | undefined {
  return prompt === null || prompt.trim() === '' || prompt === recordedPrompt ? undefined : prompt;
}

type Issue = z.core.$ZodIssue;

function problemOf(issue: Issue, draft: ForkDraft): FieldProblem {
  return { field: fieldOfPath(issue.path, draft), message: wordsFor(issue) };
}

/** zod's messages are for programmers; these are for the person at the field. */
function wordsFor(issue: Issue): string {
  const last = issue.path.at(-1);
  if (issue.code === 'custom') return issue.message;
  if (issue.path[0] === 'branches' && issue.path.length === 1) return 'Add at least one branch.';
  if (issue.path[0] === 'checks') return wordsForCheck(issue);
  if (issue.path[0] === 'setup') return 'A command has at least one character; there are at most 50.';
  if (last === 'files') return 'Name a commit: its hash, a branch or a tag.';
  if (last === 'maxTurns') return 'Turns are a whole number from 1 to 10,000.';
  if (last === 'name')
    return issue.code === 'too_big' ? 'A name has at most 80 characters.' : 'Give the branch a name.';
  if (last === 'repeats') return 'Repeats are a whole number from 1 to 50.';
  if (last === 'maxTokens') return 'Max tokens is a whole number of 1 or more.';
  if (last === 'budgetTokens') return 'A thinking budget is a whole number of 1,024 tokens or more.';
  if (last === 'maxSteps') return 'Steps are a whole number from 1 to 1,000.';
  if (last === 'budgetUsd') return 'A budget is more than 0 dollars.';
  if (last === 'timeoutSeconds') return 'The time limit is more than 0 and at most 1,440 minutes.';
  return issue.message;
}

function wordsForCheck({ path, code }: Issue): string {
  if (path.length === 1) return 'There are at most 20 checks.';
  if (path.at(-1) === 'run')
    return code === 'too_big' ? 'A command has at most 10,000 characters.' : 'Write the command.';
  return 'Give the check a name of at most 80 characters.';
}

function firstOfEachField(problems: FieldProblem[]): FieldProblem[] {
  const seen = new Set<string>();
  return problems.filter(({ field }) => !seen.has(field) && seen.add(field));
}
