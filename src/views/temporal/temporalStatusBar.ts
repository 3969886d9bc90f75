import * as vscode from 'vscode';
import { plural } from '../../core/format.ts';
import { escapeMarkdown } from '../../core/inertMarkdown.ts';
import type { TemporalStatus } from '../../core/run/temporalControl.ts';
import type { RunList } from '../runTree/runList.ts';
import { isUnderWay } from '../runTree/runNodes.ts';
import { settings } from '../settings.ts';
import { tooltip } from '../treeItem.ts';
import type { ServiceProvider } from '../viewServices.ts';

/** How often the server is looked at while it is of interest. */
const lookEveryMs = 15_000;

/**
 * The state of the Temporal server in the status bar; a click lists what can be done. It is shown while a run is under
 * way there, where Temporal is the engine of the settings, and once a command had to do with it.
 */
export class TemporalStatusBar implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem('forkpoint.temporal', vscode.StatusBarAlignment.Left);
  readonly #following: { dispose(): void };
  #timer: NodeJS.Timeout | null = null;
  #shown = false;

  constructor(
    private readonly services: ServiceProvider,
    private readonly runs: RunList,
  ) {
    this.#item.name = 'Forkpoint Temporal';
    this.#item.command = 'forkpoint.temporalStatus';
    this.#following = runs.onDidChange(() => {
      if (this.#timer === null && !this.#shown && this.#matters()) void this.#look();
    });
  }

  /** Shows what a command has just learnt, and looks again from time to time. */
  show(status: TemporalStatus): void {
    const { server, workers } = status;
    const icon = { running: 'server-process', starting: 'loading~spin', stopped: 'circle-slash' }[server.state];
    this.#item.text = `$(${icon}) Temporal`;
    this.#item.accessibilityInformation = { label: `Temporal is ${server.state} on ${server.address}` };
    this.#item.tooltip = tooltip(
      [
        `**Temporal** ${server.state} on ${escapeMarkdown(server.address)}`,
        ...(server.state === 'running'
          ? [server.managed ? 'Started by Forkpoint' : 'Started elsewhere: used as it is']
          : []),
        `${plural(workers.length, 'worker')}${workers.length > 0 ? `: ${workers.map(({ state }) => state).join(', ')}` : ''}`,
      ].join('  \n'),
    );
    this.#item.show();
    this.#shown = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    // A server that is down and that nothing needs is not asked for again.
    const again = server.state !== 'stopped' || this.#matters();
    this.#timer = again ? setTimeout(() => void this.#look(), lookEveryMs) : null;
  }

  dispose(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#following.dispose();
    this.#item.dispose();
  }

  #matters(): boolean {
    if (!vscode.workspace.isTrusted) return false;
    const running = this.runs.runs.some(({ engine, state }) => engine === 'temporal' && isUnderWay(state));
    return running || settings.engine() === 'temporal';
  }

  async #look(): Promise<void> {
    this.#shown = true;
    const { temporal } = await this.services.get();
    this.show(await temporal.status());
  }
}
