import * as vscode from 'vscode';
import type { RunId } from '../../core/ids.ts';
import { messageSafe } from '../../core/plainText.ts';
import type { RunView } from '../../core/run/runView.ts';
import { runCommand } from '../commands.ts';
import { endedMessage, waitingMessage } from './endedMessage.ts';
import type { RunList } from './runList.ts';
import { isUnderWay } from './runNodes.ts';

/** A schedule's run is compared with the one before once it has ended: what is said of it waits so long for that, in milliseconds. */
const comparedMs = 10_000;

/** Says when a run has ended since this window was opened, with a button for what to do next. */
export function runNotifications(
  runs: RunList,
  openComparison: (runId: RunId) => Promise<void>,
  isShowing: (runId: RunId) => boolean,
): vscode.Disposable {
  const opened = Date.now();
  const uncompared = new Map<RunId, NodeJS.Timeout>();
  const say = (runId: RunId): void => {
    clearTimeout(uncompared.get(runId));
    uncompared.delete(runId);
    const run = runs.find(runId);
    if (run !== undefined) void announce(run, openComparison, isShowing(runId));
  };
  const following = runs.onDidChange((changes) => {
    for (const { before, after } of changes) {
      const waiting = after === null ? null : waitingMessage(before, after);
      if (after !== null && waiting !== null && !isShowing(after.runId)) void remind(waiting);
      if (after === null || isUnderWay(after.state)) continue;
      // One that fails at once was never seen under way.
      const justEnded = before === null ? Date.parse(after.endedAt ?? '') >= opened : isUnderWay(before.state);
      const { runId } = after;
      if (justEnded && isUncompared(after))
        uncompared.set(
          runId,
          setTimeout(() => say(runId), comparedMs),
        );
      else if (justEnded || (uncompared.has(runId) && !isUncompared(after))) say(runId);
    }
  });
  return new vscode.Disposable(() => {
    for (const timer of uncompared.values()) clearTimeout(timer);
    following.dispose();
  });
}

function isUncompared({ schedule }: RunView): boolean {
  return schedule !== null && schedule.previous !== null && schedule.changes === null;
}

async function remind(message: string): Promise<void> {
  const [answer, show] = ['Answer…', 'Show'];
  const chosen = await vscode.window.showInformationMessage(messageSafe(message), answer, show);
  if (chosen === answer) await runCommand('forkpoint.answerQuestion');
  if (chosen === show) await vscode.commands.executeCommand('forkpoint.runs.focus');
}

async function announce(run: RunView, openComparison: (runId: RunId) => Promise<void>, shown: boolean): Promise<void> {
  const message = endedMessage(run);
  // Who looks at the fork panel sees it there, and a notification would cover the panel's own Compare button.
  if (message === null || (shown && !message.warning)) return;
  const again = run.interrupted ? ['Resume'] : message.warning ? ['Retry Failed'] : [];
  const key = message.badKey ? ['Set API Key'] : [];
  const buttons = [...(run.branches.some(({ steps }) => steps > 0) ? ['Compare'] : []), ...key, ...again];
  const show = message.warning ? vscode.window.showWarningMessage : vscode.window.showInformationMessage;
  const chosen = await show(messageSafe(message.text), ...buttons);
  if (chosen === 'Compare') await openComparison(run.runId);
  if (chosen === 'Set API Key') await runCommand('forkpoint.setApiKey');
  if (chosen === 'Resume') await runCommand('forkpoint.resumeRun', { runId: run.runId });
  if (chosen === 'Retry Failed') await runCommand('forkpoint.retryFailed', { runId: run.runId });
}
