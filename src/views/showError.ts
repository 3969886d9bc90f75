import * as vscode from 'vscode';
import { ForkpointError, messageOf } from '../core/errors.ts';
import { messageWithHint } from '../core/format.ts';
import { messageSafe } from '../core/plainText.ts';
import { runCommand } from './commands.ts';
import type { CommandId } from './commandTable.ts';
import type { Log } from './log.ts';

/** Commands that help with an error, by its code. */
const remedies: Readonly<Record<string, readonly [label: string, command: CommandId]>> = {
  authentication: ['Set API Key', 'forkpoint.setApiKey'],
  permission: ['Set API Key', 'forkpoint.setApiKey'],
  engine_unavailable: ['Start Dev Server', 'forkpoint.startTemporal'],
};

/**
 * Shows an error: what is wrong, what to do next, and a button for it where there is a command. Errors that nobody
 * foresaw go to the log with their stack.
 * @param more buttons that only the caller can offer, for example to run in this window instead; they go before ours of the
 * same name
 */
export async function showError(
  error: unknown,
  log: Log,
  more: Readonly<Record<string, () => Promise<void>>> = {},
): Promise<void> {
  if (error instanceof vscode.CancellationError) return;
  log.error('Failed:', error);
  const known = error instanceof ForkpointError;
  const remedy = known ? remedies[error.code] : undefined;
  const labels = new Set([...(remedy === undefined ? [] : [remedy[0]]), ...Object.keys(more), 'Show Log']);
  const text = known ? messageWithHint(error) : `Forkpoint: ${messageOf(error)}`;
  const chosen = await vscode.window.showErrorMessage(messageSafe(text), ...labels);
  if (chosen === undefined) return;
  const own = more[chosen];
  if (own !== undefined) await own();
  else if (chosen === remedy?.[0]) await runCommand(remedy[1]);
  else log.show();
}
