import { checkRequest } from '../api/checkRequest.ts';
import { problemKey, type RequestProblem } from '../api/requestRules.ts';
import { BadInputError, ForkPointError } from '../errors.ts';
import type { BranchRequest } from './branchRequest.ts';
import type { ForkContext } from './forkContext.ts';
import type { BranchSpec } from './forkRequest.ts';

/**
 * Refuses a branch whose first request the API would answer 400, before anything is sent. What stood so in a request that was
 * really sent is only noted: the API took it, or its answer is what the person wants to see.
 * @param at index of the branch in the fork
 * @throws BadInputError for what the branch itself asks for, ForkPointError for the history
 */
export function refuseIllegal(context: ForkContext, branch: BranchSpec, at: number, built: BranchRequest): void {
  const problems = checkRequest(built.stored.request);
  if (problems.length === 0) return;
  const sent = context.rebuilt.digestVerified ? checkRequest(context.rebuilt.request) : [];
  const known = new Set(sent.map(problemKey));
  const [first, ...rest] = problems.filter((problem) => !known.has(problemKey(problem)));
  if (first !== undefined) throw refusal(first, rest, branch, at, built);
  for (const { path, message } of problems)
    built.notes.push(`The API may refuse this, as it was recorded: ${placed(path, message)}`);
}

function placed(path: string, message: string): string {
  return path === '' ? message : `${message} (${path})`;
}

function refusal(
  { rule, path, message }: RequestProblem,
  others: readonly RequestProblem[],
  branch: BranchSpec,
  at: number,
  { cut }: BranchRequest,
): BadInputError | ForkPointError {
  const more =
    others.length === 0
      ? ''
      : ` There ${others.length === 1 ? 'is one more problem' : `are ${others.length} more problems`}.`;
  const text = `The API would refuse what branch “${branch.name}” sends: ${placed(path, message)}${more}`;
  const problems = [{ rule, path, message }, ...others];
  if (rule === 'empty_text' && path === `messages.${cut.message}.content.${cut.block}`)
    return new BadInputError(text, 'Write a prompt that is more than white space.', {
      path: branch.prompt === undefined ? 'prompt' : `branches.${at}.prompt`,
      problems,
    });
  if (path.startsWith('system.') && branch.system !== undefined)
    return new BadInputError(text, 'Change the system prompt of the branch.', {
      path: `branches.${at}.system`,
      problems,
    });
  if (rule === 'thinking_budget')
    return new BadInputError(text, 'Give the branch a larger thinking budget.', {
      path: `branches.${at}.thinking`,
      problems,
    });
  const hint =
    rule === 'too_large'
      ? 'Fork at an earlier turn: less of the history is sent then.'
      : 'Fork at another place, for example before a prompt; the recording can’t be sent like this.';
  return new ForkPointError(text, hint, { problems });
}
