import type { Question } from '../../core/agent/agentFacts.ts';
import type { BranchId, RunId } from '../../core/ids.ts';
import type { BranchView, RunView } from '../../core/run/runView.ts';
import type { QuestionTarget } from '../commandTable.ts';
import { questionText } from '../runTree/agentWords.ts';
import { branchName } from '../runTree/runNodes.ts';

/** A question that waits for a person, with where it was asked. */
export interface AskedQuestion extends QuestionTarget {
  question: Question;
  /** Name of the branch. */
  name: string;
  /** Title of the run. */
  title: string;
  /** What it asks for, in one line. */
  text: string;
}

/** All that wait, oldest first. */
export function askedQuestions(runs: readonly RunView[]): AskedQuestion[] {
  return runs
    .flatMap((run) => run.branches.flatMap((branch) => askedIn(run, branch)))
    .sort((a, b) => (a.question.askedAt < b.question.askedAt ? -1 : 1));
}

/** Tells a question from all others of all runs. */
export function questionKey({ runId, branchId, callId }: QuestionTarget): string {
  return `${runId} ${branchId} ${callId}`;
}

/** `cheaper asks: npm install left-pad`. */
export function questionTitle({ name, text }: Pick<AskedQuestion, 'name' | 'text'>): string {
  return `${name} asks: ${text}`;
}

/** How a question is answered: yes or no, by a choice, or after reading a plan. */
export type QuestionKind = 'permission' | 'choice' | 'plan';

export function questionKind({ tool }: Pick<Question, 'tool'>): QuestionKind {
  return tool === 'AskUserQuestion' ? 'choice' : tool === 'ExitPlanMode' ? 'plan' : 'permission';
}

function askedIn(run: RunView, branch: BranchView): AskedQuestion[] {
  const ids: { runId: RunId; branchId: BranchId } = { runId: run.runId, branchId: branch.branchId };
  return branch.questions.map((question) => ({
    ...ids,
    callId: question.callId,
    question,
    name: branchName(branch),
    title: run.title,
    text: questionText(question, branch, run.session.projectPath),
  }));
}
