// src/views/questions: questions of agents: notification, document, input. What a question is and which answers are
// legal belongs to src/core/agent.

import * as vscode from 'vscode';
import type { Answer } from '../../core/agent/agentFacts.ts';
import { type AskedChoice, choicesOf } from '../../core/agent/askedChoices.ts';
import { iconSafe } from '../../core/plainText.ts';
import { askText, type Choice, choice, pickMany, pickOne, type StepResult, walk } from '../quickInput.ts';
import { type AskedQuestion, questionKind, questionTitle } from './askedQuestions.ts';

/** What a pick of answers says: an answer, or to look at the question first. */
type Picked = 'allow' | 'branch' | 'run' | 'deny' | 'show';

/**
 * Asks a person for the answer to an agent's question.
 * @returns `show` to look at it first; undefined where the person gave up: then the question stays open
 */
export async function askForAnswer(asked: AskedQuestion): Promise<Answer | 'show' | undefined> {
  const kind = questionKind(asked.question);
  if (kind === 'choice') return askForChoices(asked);
  const picked = await pickOne(kind === 'plan' ? planChoices : permissionChoices, {
    title: iconSafe(questionTitle(asked)),
    placeholder: kind === 'plan' ? 'Let it carry out its plan?' : 'Let it go on?',
  });
  if (picked === undefined || picked === 'back') return undefined;
  if (picked === 'show') return 'show';
  if (picked === 'deny') return askForReason(asked);
  return { behavior: 'allow', scope: picked === 'allow' ? 'call' : picked };
}

/** Asks what the agent is to be told; nothing is as good as something. @returns undefined where the person gave up */
export async function askForReason(asked: AskedQuestion): Promise<Answer | undefined> {
  const message = await askText({
    title: iconSafe(`Deny · ${questionTitle(asked)}`),
    placeholder: 'What the agent is told, for example what to do instead (may be empty)',
  });
  if (message === undefined || message === 'back') return undefined;
  return { behavior: 'deny', scope: 'call', ...(message.trim() !== '' && { message: message.trim() }) };
}

const permissionChoices: Choice<Picked>[] = [
  { value: 'allow', label: '$(check) Allow', description: 'this once' },
  { value: 'branch', label: '$(check) Allow for This Branch', description: 'the same call again, without asking' },
  {
    value: 'run',
    label: '$(check-all) Allow for This Run',
    description: 'the same call in every branch, without asking',
  },
  { value: 'deny', label: '$(close) Deny…', description: 'with a message to the agent' },
  { value: 'show', label: '$(eye) Show', description: 'in full' },
];

const planChoices: Choice<Picked>[] = [
  { value: 'show', label: '$(eye) Show Plan' },
  { value: 'allow', label: '$(check) Approve', description: 'the agent carries it out' },
  { value: 'deny', label: '$(close) Keep Planning…', description: 'with a message to the agent' },
];

async function askForChoices(asked: AskedQuestion): Promise<Answer | undefined> {
  const choices = choicesOf(asked.question.input);
  // Nothing that can be chosen from: the agent is told in words.
  if (choices.length === 0) return askForReason(asked);
  const answers: Record<string, string> = {};
  const whole = await walk(
    choices.map((one) => async (at) => {
      const answer = await askChoice(asked, one, at);
      if (answer !== undefined && answer !== 'back') answers[one.question] = answer.text;
      return answer;
    }),
  );
  return whole ? { behavior: 'allow', scope: 'call', answers } : undefined;
}

interface Chosen {
  text: string;
}

async function askChoice(
  asked: AskedQuestion,
  { question, several, options }: AskedChoice,
  at: { at: number; of: number },
): Promise<StepResult<Chosen>> {
  const step = { title: iconSafe(`${asked.name} asks`), placeholder: question, ...(at.of > 1 && { step: at }) };
  if (several) {
    const typed = (text: string) => choice(text, text, 'your own answer');
    const offered = options.map(({ label, description }) => choice(label, label, description));
    const picked = await pickMany(offered, { ...step, ticked: [], typed });
    return Array.isArray(picked) ? { text: picked.join(', ') } : picked;
  }
  const offered = options.map(({ label, description }) => choice<string | null>(label, label, '', description));
  const other: Choice<string | null> = { value: null, label: '$(edit) Other…', description: 'your own answer' };
  const picked = await pickOne<string | null>([...offered, other], step);
  if (picked === undefined || picked === 'back') return picked;
  if (picked !== null) return { text: picked };
  const text = await askText({
    ...step,
    validate: (given) => (given.trim() === '' ? 'Write an answer, or go back.' : undefined),
  });
  return typeof text === 'string' && text !== 'back' ? { text: text.trim() } : text === 'back' ? 'back' : undefined;
}

/** Says in the status bar that another window was faster; that is no reason to interrupt. */
export function tellQuietly(message: string): void {
  vscode.window.setStatusBarMessage(iconSafe(message), 6_000);
}
