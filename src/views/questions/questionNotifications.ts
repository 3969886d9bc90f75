import * as vscode from 'vscode';
import { oneLine } from '../../core/format.ts';
import type { RunId } from '../../core/ids.ts';
import { messageSafe } from '../../core/plainText.ts';
import { runCommand } from '../commands.ts';
import type { RunList } from '../runTree/runList.ts';
import { type AskedQuestion, askedQuestions, questionKey, questionKind, questionTitle } from './askedQuestions.ts';
import type { GiveAnswer } from './questionCommands.ts';

export interface QuestionNotificationDeps {
  runs: RunList;
  give: GiveAnswer;
  /** Is this run looked at where its questions can be answered? */
  isShowing(runId: RunId): boolean;
  onError(error: unknown): Promise<void>;
}

/** Says when agents ask something, once in this window, with the answers as buttons. */
export function questionNotifications(deps: QuestionNotificationDeps): vscode.Disposable {
  const announced = new Set<string>();
  /** Those whose notification nobody has closed yet. */
  const shown = new Set<string>();
  const announce = async (asked: readonly AskedQuestion[]): Promise<void> => {
    const keys = asked.map(questionKey);
    for (const key of keys) shown.add(key);
    const [only] = asked;
    const alone = asked.length === 1 ? only : undefined;
    const chosen = await (alone === undefined ? showSeveral(asked) : showOne(alone));
    for (const key of keys) shown.delete(key);
    if (chosen === undefined) return;
    if (alone !== undefined) await actOn(chosen, alone, deps.give);
    else if (chosen === answer) await runCommand('forkpoint.answerQuestion');
    else await vscode.commands.executeCommand('forkpoint.runs.focus');
  };
  const following = deps.runs.onDidChange(() => {
    const open = askedQuestions(deps.runs.runs);
    const keys = new Set(open.map(questionKey));
    const answered = [...shown].filter((key) => !keys.has(key));
    for (const key of answered) shown.delete(key);
    // VS Code lets nobody close a notification. At least what was answered elsewhere is out of the way.
    if (answered.length > 0) void vscode.commands.executeCommand('notifications.hideToasts');
    const fresh = open.filter((asked) => !announced.has(questionKey(asked)));
    for (const asked of fresh) announced.add(questionKey(asked));
    const unseen = fresh.filter(({ runId }) => !deps.isShowing(runId));
    if (unseen.length > 0) announce(unseen).catch((error: unknown) => deps.onError(error));
  });
  return new vscode.Disposable(() => following.dispose());
}

const allow = 'Allow';
const allowBranch = 'Allow for This Branch';
const deny = 'Deny…';
const show = 'Show';
const answer = 'Answer…';

async function showOne(asked: AskedQuestion): Promise<string | undefined> {
  const kind = questionKind(asked.question);
  const buttons =
    kind === 'permission' ? [allow, allowBranch, deny, show] : kind === 'plan' ? [show, answer] : [answer];
  return vscode.window.showInformationMessage(messageSafe(questionTitle(asked)), ...buttons);
}

/** Several at once, after a reload for example, are one notification. */
async function showSeveral(asked: readonly AskedQuestion[]): Promise<string | undefined> {
  const names = oneLine([...new Set(asked.map(({ name }) => name))].join(', '), 80);
  const text = `${asked.length} questions wait for you: ${names}.`;
  return vscode.window.showInformationMessage(messageSafe(text), answer, show);
}

async function actOn(chosen: string, { runId, branchId, callId }: AskedQuestion, give: GiveAnswer): Promise<void> {
  const target = { runId, branchId, callId };
  if (chosen === allow) await give(target, { behavior: 'allow', scope: 'call' });
  if (chosen === allowBranch) await give(target, { behavior: 'allow', scope: 'branch' });
  if (chosen === deny) await runCommand('forkpoint.denyCall', target);
  if (chosen === show) await runCommand('forkpoint.showQuestion', target);
  if (chosen === answer) await runCommand('forkpoint.answerQuestion', target);
}
