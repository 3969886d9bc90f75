import type { z } from 'zod';
import { type ForkRequest, forkRequestSchema } from '../../core/fork/forkRequest.ts';
import type { BranchDraft, FieldProblem, ForkDraft } from './protocol.ts';

export type DraftReading = { request: ForkRequest; problems: [] } | { request: null; problems: FieldProblem[] };

/** What a draft asks for, or what is wrong with it, field by field. Texts equal to the recorded ones count as unchanged. */
export function forkRequestOf(draft: ForkDraft, recordedPrompt: string | null): DraftReading {
  const problems: FieldProblem[] = [];
  const number = (field: string, text: string, unit: string): number | undefined => {
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
    tools: draft.tools,
    maxSteps: number('maxSteps', draft.maxSteps, 'steps'),
    budgetUsd: number('budgetUsd', draft.budgetUsd, 'dollars'),
    timeoutSeconds: minutes === undefined ? undefined : minutes * 60,
    branches: draft.branches.map((branch) => branchSpecOf(branch, number, problems)),
  };
  if (recordedPrompt !== null && draft.prompt?.trim() === '') {
    problems.push({ field: 'prompt', message: 'Write a prompt, or go back to the recorded one.' });
  }
  const parsed = forkRequestSchema.safeParse(candidate);
  if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => problemOf(issue, draft)));
  if (problems.length === 0 && parsed.success) return { request: parsed.data, problems: [] };
  return { request: null, problems: firstOfEachField(problems) };
}

/** The field that a path of a fork request belongs to, for example `branches.1.maxTokens`. */
export function fieldOfPath(path: readonly PropertyKey[], draft: ForkDraft): string {
  const [first, index, member] = path;
  if (first === 'timeoutSeconds') return 'timeoutMinutes';
  if (first === 'at' || first === 'session') return 'cut';
  const branch = first === 'branches' && typeof index === 'number' ? draft.branches[index] : undefined;
  if (branch) return `branch:${branch.key}:${String(member ?? 'name')}`;
  return String(first ?? 'run');
}

function branchSpecOf(
  branch: BranchDraft,
  number: (field: string, text: string, unit: string) => number | undefined,
  problems: FieldProblem[],
) {
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

function firstOfEachField(problems: FieldProblem[]): FieldProblem[] {
  const seen = new Set<string>();
  return problems.filter(({ field }) => !seen.has(field) && seen.add(field));
}
