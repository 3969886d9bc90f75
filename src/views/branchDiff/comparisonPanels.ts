import * as vscode from 'vscode';
import * as z from 'zod';
import { oneLine } from '../../core/format.ts';
import { type BranchId, branchIdSchema, type RunId, runIdSchema } from '../../core/ids.ts';
import type { RunList } from '../runTree/runList.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { comparisonHtml } from './comparisonHtml.ts';
import type { Comparisons } from './comparisons.ts';
import { comparisonTable } from './comparisonTable.ts';

const viewType = 'forkpoint.comparison';

/** What a click in the table says. */
const clickSchema = z.object({ branch: branchIdSchema, line: z.int().positive() });
/** What brings a panel back. */
const stateSchema = z.object({ runId: runIdSchema });

export interface ComparisonPanelDeps {
  extensionUri: vscode.Uri;
  services: ServiceProvider;
  runs: RunList;
  comparisons: Comparisons;
  /** Opens the diff of a branch against the recording at a line of the branch. */
  openDiff(runId: RunId, branch: BranchId, line: number): Promise<void>;
  onError(error: unknown): Promise<void>;
}

/** The comparison table of a run, in an editor tab: one row a branch. */
export class ComparisonPanels implements vscode.Disposable {
  readonly #panels = new Map<RunId, vscode.WebviewPanel>();
  readonly #subscriptions: { dispose(): void }[];

  constructor(private readonly deps: ComparisonPanelDeps) {
    this.#subscriptions = [
      deps.runs.onDidChange((changes) => {
        for (const { runId, after } of changes) if (after !== null) void this.#draw(runId);
      }),
      vscode.window.registerWebviewPanelSerializer(viewType, {
        deserializeWebviewPanel: async (panel, state) => {
          const saved = stateSchema.safeParse(state);
          if (saved.success) await this.#connect(panel, saved.data.runId);
          else panel.dispose();
        },
      }),
    ];
  }

  async open(runId: RunId, column: vscode.ViewColumn, preserveFocus: boolean): Promise<void> {
    const known = this.#panels.get(runId);
    if (known !== undefined) {
      known.reveal(undefined, preserveFocus);
      return;
    }
    const panel = vscode.window.createWebviewPanel(viewType, 'Comparison', { viewColumn: column, preserveFocus });
    await this.#connect(panel, runId);
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
    for (const panel of this.#panels.values()) panel.dispose();
  }

  async #connect(panel: vscode.WebviewPanel, runId: RunId): Promise<void> {
    this.#panels.set(runId, panel);
    panel.iconPath = new vscode.ThemeIcon('table');
    panel.webview.options = {
      enableScripts: true,
      localResourceRoots: [vscode.Uri.joinPath(this.deps.extensionUri, 'media')],
    };
    panel.onDidDispose(() => this.#panels.delete(runId));
    panel.webview.onDidReceiveMessage(async (message: unknown) => {
      const click = clickSchema.safeParse(message);
      if (click.success)
        await this.deps
          .openDiff(runId, click.data.branch, click.data.line)
          .catch((error: unknown) => this.deps.onError(error));
    });
    await this.#draw(runId);
  }

  async #draw(runId: RunId): Promise<void> {
    const panel = this.#panels.get(runId);
    if (panel === undefined) return;
    try {
      const { forks } = await this.deps.services.get();
      const [run, comparison] = await Promise.all([forks.run(runId), this.deps.comparisons.of(runId)]);
      panel.title = `Comparison · ${oneLine(run.title, 40)}`;
      const { cspSource } = panel.webview;
      const style = panel.webview
        .asWebviewUri(vscode.Uri.joinPath(this.deps.extensionUri, 'media', 'comparison.css'))
        .toString();
      const nonce = crypto.randomUUID().replaceAll('-', '');
      panel.webview.html = comparisonHtml(comparisonTable(run, comparison), { runId, cspSource, nonce, style });
    } catch (error) {
      await this.deps.onError(error);
    }
  }
}
