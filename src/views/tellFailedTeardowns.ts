import * as vscode from 'vscode';
import type { FailedTeardown } from '../core/agent/agentFacts.ts';
import { describeTeardown } from '../core/agent/describeTeardown.ts';
import { oneLine } from '../core/format.ts';
import { messageSafe } from '../core/plainText.ts';

/** Says which teardown commands failed, and offers what the first one printed. */
export async function tellFailedTeardowns(failed: readonly FailedTeardown[]): Promise<void> {
  const [first] = failed;
  if (first === undefined) return;
  const more = failed.length === 1 ? '' : ` ${failed.length - 1} more failed.`;
  const buttons = first.output === null ? [] : ['Open Output'];
  const text = `${oneLine(describeTeardown({ ...first, output: null }), 300)}${more}`;
  const chosen = await vscode.window.showWarningMessage(messageSafe(text), ...buttons);
  if (chosen === undefined || first.output === null) return;
  await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(first.output), { preview: true });
}
