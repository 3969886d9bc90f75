import * as vscode from 'vscode';
import type { Answer } from '../../core/agent/agentFacts.ts';
import { BadInputError, NotFoundError } from '../../core/errors.ts';
import { messageWithHint } from '../../core/format.ts';
import type { CommandHandlers } from '../commands.ts';
import type { BranchTarget, QuestionTarget } from '../commandTable.ts';
import { requireTrust } from '../dispatchRun.ts';
import { choice, pickOne } from '../quickInput.ts';
import type { RunList } from '../runTree/runList.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { askForAnswer, askForReason, tellQuietly } from './answerQuestion.ts';
import { type AskedQuestion, askedQuestions, questionKind, questionTitle } from './askedQuestions.ts';
import type { QuestionDocuments } from './questionDocuments.ts';
import { questionOfUri } from './questionUris.ts';

export interface QuestionCommandDeps {
  services: ServiceProvider;
  runs: RunList;
  documents: QuestionDocuments;
}

type QuestionCommands = Pick<
  CommandHandlers,
  'forkpoint.answerQuestion' | 'forkpoint.showQuestion' | 'forkpoint.allowCall' | 'forkpoint.denyCall'
>;

/** Gives an agent a person's answer. The second answer to one question is refused quietly. */
export type GiveAnswer = (target: QuestionTarget, answer: Answer) => Promise<void>;

export function answerGiver({ services, runs }: Pick<QuestionCommandDeps, 'services' | 'runs'>): GiveAnswer {
  return async ({ runId, branchId, callId }, answer) => {
    requireTrust();
    const { forks } = await services.get();
    try {
      await forks.answer(runId, branchId, callId, answer);
    } catch (error) {
      if (!(error instanceof BadInputError)) throw error;
      tellQuietly(messageWithHint(error));
    }
    await runs.refresh(runId);
  };
}

/** Ways to answer what agents ask. */
export function questionCommands(deps: QuestionCommandDeps): QuestionCommands {
  const { documents, runs } = deps;
  const give = answerGiver(deps);
  /** Nothing where it waits no more, which is said quietly. */
  const waiting = (target: QuestionTarget): AskedQuestion | undefined => {
    const asked = documents.find(target);
    if (asked === undefined) tellQuietly('This question waits no more: it was answered, or its branch has ended.');
    return asked;
  };
  const answer = async (asked: AskedQuestion) => {
    const given = await askForAnswer(asked);
    if (given === 'show') await documents.open(asked);
    else if (given !== undefined) await give(asked, given);
  };
  return {
    'forkpoint.answerQuestion': async (given) => {
      requireTrust();
      await runs.load();
      const target = targetOf(given);
      const asked = target === null ? await pickQuestion(runs, given) : waiting(target);
      if (asked !== undefined) await answer(asked);
    },
    'forkpoint.showQuestion': async (given) => {
      const target = targetOf(given);
      if (target === null) return;
      const asked = documents.find(target);
      // Options are looked at where they are chosen from.
      if (asked !== undefined && questionKind(asked.question) === 'choice') await answer(asked);
      else await documents.open(target);
    },
    'forkpoint.allowCall': async (given) => {
      const target = targetOf(given);
      const asked = target && waiting(target);
      if (!asked) return;
      if (questionKind(asked.question) === 'choice') await answer(asked);
      else await give(asked, { behavior: 'allow', scope: 'call' });
    },
    'forkpoint.denyCall': async (given) => {
      const target = targetOf(given);
      const asked = target && waiting(target);
      const reason = asked ? await askForReason(asked) : undefined;
      if (asked && reason !== undefined) await give(asked, reason);
    },
  };
}

/** The question of a row, or of the document in whose title bar the button was clicked. */
function targetOf(given: unknown): QuestionTarget | null {
  if (given instanceof vscode.Uri) return questionOfUri(given.query);
  const target = given as Partial<QuestionTarget> | undefined;
  if (typeof target?.runId !== 'string' || typeof target.branchId !== 'string') return null;
  return typeof target.callId === 'string' ? (target as QuestionTarget) : null;
}

/** The only question that waits, else one that is picked; of the branch where one was given. */
async function pickQuestion(runs: RunList, branch: BranchTarget | undefined): Promise<AskedQuestion | undefined> {
  const isOf = ({ runId, branchId }: BranchTarget) => runId === branch?.runId && branchId === branch.branchId;
  const asked = askedQuestions(runs.runs).filter((one) => branch?.branchId === undefined || isOf(one));
  const [only] = asked;
  if (only === undefined) throw new NotFoundError('No agent waits for an answer.', 'The Runs view shows what they do.');
  if (asked.length === 1) return only;
  const choices = asked.map((one) => choice(one, questionTitle(one), one.title));
  const picked = await pickOne(choices, { title: 'Answer', placeholder: 'Question' });
  return picked === 'back' ? undefined : picked;
}
