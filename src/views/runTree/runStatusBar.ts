import * as vscode from 'vscode';
import { oneLine } from '../../core/format.ts';
import { escapeMarkdown } from '../../core/inertMarkdown.ts';
import { tooltip } from '../treeItem.ts';
import type { RunList } from './runList.ts';
import { isUnderWay } from './runNodes.ts';
import { runFacts } from './runRows.ts';
import { statusText } from './statusText.ts';

/** Says in the status bar that runs are under way; a click shows the Runs view. */
export function runStatusBar(runs: RunList): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('forkpoint.runs', vscode.StatusBarAlignment.Left);
  item.name = 'Forkpoint Runs';
  item.command = 'forkpoint.runs.focus';
  const show = () => {
    const underWay = runs.runs.filter(({ state }) => isUnderWay(state));
    if (underWay.length === 0) {
      item.hide();
      return;
    }
    const { text, icon, label } = statusText(underWay);
    item.text = `$(${icon}) ${text}`;
    item.accessibilityInformation = { label: `Forkpoint: ${label}` };
    const now = Date.now();
    item.tooltip = tooltip(
      underWay.map((run) => `${escapeMarkdown(oneLine(run.title, 60))}  \n${runFacts(run, now)}`).join('\n\n'),
    );
    item.show();
  };
  return vscode.Disposable.from(item, runs.onDidChange(show));
}
