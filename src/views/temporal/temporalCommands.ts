// src/views/temporal: Temporal as the user meets it: commands, pickers, the status bar. No client and no server is
// started here: that is behind the port TemporalControl.

import * as vscode from 'vscode';
import { NotFoundError } from '../../core/errors.ts';
import { plural } from '../../core/format.ts';
import type { RunId } from '../../core/ids.ts';
import { messageSafe } from '../../core/plainText.ts';
import type { CliOffer, TemporalControl, TemporalStatus } from '../../core/run/temporalControl.ts';
import type { CommandHandlers } from '../commands.ts';
import { requireTrust } from '../dispatchRun.ts';
import { choice, pickOne } from '../quickInput.ts';
import type { ServiceProvider } from '../viewServices.ts';
import type { TemporalStatusBar } from './temporalStatusBar.ts';

type TemporalCommands = Pick<
  CommandHandlers,
  'forkpoint.startTemporal' | 'forkpoint.stopTemporal' | 'forkpoint.openTemporalUi' | 'forkpoint.temporalStatus'
>;

/** Starting, stopping and looking at the local Temporal dev server. */
export function temporalCommands(services: ServiceProvider, statusBar: TemporalStatusBar): TemporalCommands {
  const control = async () => {
    requireTrust();
    return (await services.get()).temporal;
  };
  const start = async () => {
    const temporal = await control();
    const offer = await temporal.cliOffer();
    if (offer !== null && !(await downloaded(offer, temporal))) return;
    const status = await busy('Starting the Temporal dev server', () => temporal.startServer());
    statusBar.show(status);
    const how = status.server.managed ? 'runs' : 'already ran and is used as it is';
    const open = 'Open Web UI';
    const buttons = status.server.ui === null ? [] : [open];
    const chosen = await vscode.window.showInformationMessage(
      `Temporal ${how} on ${status.server.address}.`,
      ...buttons,
    );
    if (chosen === open) await openUi(status);
  };
  const stop = async () => {
    const temporal = await control();
    if (!(await agreesToStop(await temporal.openRuns()))) return;
    const status = await busy('Stopping the Temporal dev server', () => temporal.stopServer());
    statusBar.show(status);
  };
  const ui = async () => {
    const temporal = await control();
    const status = await temporal.status();
    statusBar.show(status);
    await openUi(status);
  };
  return {
    'forkpoint.startTemporal': start,
    'forkpoint.stopTemporal': stop,
    'forkpoint.openTemporalUi': ui,
    'forkpoint.temporalStatus': async () => {
      const status = await (await control()).status();
      statusBar.show(status);
      const action = await pickOne(actions(status), { title: statusLine(status), placeholder: 'Temporal' });
      if (action === 'start') await start();
      if (action === 'stop') await stop();
      if (action === 'ui') await openUi(status);
      if (action === 'settings')
        await vscode.commands.executeCommand('workbench.action.openSettings', 'forkpoint.temporal');
    },
  };
}

/** Offers what is needed, and fetches it. False where a person doesn't want it. */
async function downloaded(offer: CliOffer, temporal: TemporalControl): Promise<boolean> {
  const { version, host, megabytes, folder, otherWays } = offer;
  const [download, other] = ['Download', 'Other Ways'];
  const detail = `Version ${version}, about ${megabytes} MB from ${host}, kept in ${folder}. Its checksum is verified.\n\nOr install it yourself: ${otherWays.join(', ')}.`;
  const question = 'No Temporal CLI was found. Download the official one?';
  const chosen = await vscode.window.showInformationMessage(question, { modal: true, detail }, download, other);
  if (chosen === other) await vscode.env.openExternal(vscode.Uri.parse('https://docs.temporal.io/cli'));
  if (chosen !== download) return false;
  const title = `Downloading the Temporal CLI ${version}`;
  const location = vscode.ProgressLocation.Notification;
  await vscode.window.withProgress({ location, title, cancellable: true }, async (progress, cancelled) => {
    const stop = new AbortController();
    cancelled.onCancellationRequested(() => stop.abort(new vscode.CancellationError()));
    let shown = 0;
    await temporal.installCli({
      signal: stop.signal,
      onProgress: (bytes, total) => {
        const percent = total === null ? 0 : Math.floor((100 * bytes) / total);
        if (percent > shown) progress.report({ increment: percent - shown, message: `${percent} %` });
        shown = Math.max(shown, percent);
      },
    });
  });
  return true;
}

/** Runs that need the server are named before it goes. */
async function agreesToStop(open: readonly RunId[]): Promise<boolean> {
  if (open.length === 0) return true;
  const stop = 'Stop';
  const detail = `${open.slice(0, 5).join('\n')}${open.length > 5 ? `\n… ${open.length - 5} more` : ''}\n\nThey go on once the server is started again.`;
  const question = `${plural(open.length, 'run')} still ${open.length === 1 ? 'needs' : 'need'} the Temporal dev server. Stop it?`;
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, stop)) === stop;
}

function actions({ server }: TemporalStatus) {
  return [
    ...(server.state === 'stopped' ? [choice('start' as const, 'Start Dev Server')] : []),
    ...(server.ui !== null && server.state === 'running' ? [choice('ui' as const, 'Open Web UI', server.ui)] : []),
    ...(server.managed
      ? [choice('stop' as const, 'Stop Dev Server', 'its workers end when what they do is done')]
      : []),
    choice('settings' as const, 'Settings'),
  ];
}

function statusLine({ server, workers }: TemporalStatus): string {
  return messageSafe(`Temporal is ${server.state} on ${server.address} · ${plural(workers.length, 'worker')}`);
}

async function openUi({ server }: TemporalStatus): Promise<void> {
  if (server.ui === null) {
    throw new NotFoundError(
      `No web UI is known for the Temporal server on ${server.address}.`,
      'The dev server that Forkpoint starts has one: run “Forkpoint: Start Temporal Dev Server”.',
    );
  }
  await vscode.env.openExternal(await vscode.env.asExternalUri(vscode.Uri.parse(server.ui)));
}

function busy<T>(title: string, work: () => Promise<T>): Thenable<T> {
  return vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, work);
}
