import * as vscode from 'vscode';
import { plural } from '../../core/format.ts';
import type { RunId } from '../../core/ids.ts';
import { commandLink } from '../commands.ts';
import { tooltip, treeItem } from '../treeItem.ts';
import type { RunChange, RunList } from './runList.ts';
import { branchNodes, isUnderWay, type RunNode, type RunTreeNode, runNode } from './runNodes.ts';
import { runRow } from './runRows.ts';
import { runTooltip } from './runTooltips.ts';

const viewId = 'forkpoint.runs';

/** The Runs tree: runs, newest first, with their branches and what they are doing. */
export class RunTreeView implements vscode.TreeDataProvider<RunTreeNode>, vscode.Disposable {
  readonly view: vscode.TreeView<RunTreeNode>;
  readonly onDidChangeTreeData: vscode.Event<RunTreeNode | undefined>;
  readonly #changed = new vscode.EventEmitter<RunTreeNode | undefined>();
  readonly #nodes = new Map<RunId, RunNode>();
  readonly #subscriptions: vscode.Disposable[] = [];
  #asked = false;

  constructor(
    private readonly list: RunList,
    private readonly log: (message: string, error?: unknown) => void,
  ) {
    this.onDidChangeTreeData = this.#changed.event;
    this.view = vscode.window.createTreeView(viewId, {
      treeDataProvider: this,
      showCollapseAll: true,
      canSelectMany: true,
    });
    this.#subscriptions.push(
      this.view,
      this.#changed,
      list.onDidChange((changes) => this.#take(changes)),
      vscode.workspace.onDidGrantWorkspaceTrust(() => void this.reload()),
    );
  }

  async reload(): Promise<void> {
    this.#asked = true;
    if (!vscode.workspace.isTrusted) return;
    await this.#show('loading');
    await vscode.window.withProgress({ location: { viewId } }, async () => {
      try {
        await this.list.reload();
        await this.#showCount();
      } catch (error) {
        this.log('The runs could not be read.', error);
        await this.#show('error');
      }
    });
    this.#changed.fire(undefined);
  }

  async getChildren(node?: RunTreeNode): Promise<RunTreeNode[]> {
    if (node === undefined) {
      if (!this.#asked) void this.reload();
      return this.list.runs.map((run) => this.#nodeOf(run.runId, run));
    }
    if (node.kind === 'run') return branchNodes(node.run);
    return node.kind === 'repeats' ? node.branches : [];
  }

  getTreeItem(node: RunTreeNode): vscode.TreeItem {
    return treeItem(runRow(node, Date.now()), clickOf(node));
  }

  getParent(): undefined {
    return undefined;
  }

  resolveTreeItem(item: vscode.TreeItem, node: RunTreeNode): vscode.TreeItem {
    item.tooltip = tooltip(runTooltip(node));
    return item;
  }

  /** Shows a run, for example after it was dispatched. */
  async reveal(runId: RunId): Promise<void> {
    const node = this.#nodes.get(runId);
    if (node !== undefined) await this.view.reveal(node, { select: true, focus: false, expand: true });
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #take(changes: readonly RunChange[]): void {
    const structural = changes.some(({ before, after }) => before === null || after === null);
    for (const { runId, after } of changes) {
      if (after === null) this.#nodes.delete(runId);
      else this.#nodeOf(runId, after);
    }
    if (structural) this.#changed.fire(undefined);
    else for (const { runId } of changes) this.#changed.fire(this.#nodes.get(runId));
    this.#showBadge();
    void this.#showCount();
  }

  #nodeOf(runId: RunId, run: RunNode['run']): RunNode {
    const known = this.#nodes.get(runId);
    if (known !== undefined) {
      known.run = run;
      return known;
    }
    const node = runNode(run);
    this.#nodes.set(runId, node);
    return node;
  }

  #showBadge(): void {
    const running = this.list.runs
      .filter(({ state }) => isUnderWay(state))
      .reduce((sum, run) => sum + run.branches.filter(({ state }) => isUnderWay(state)).length, 0);
    this.view.badge =
      running === 0 ? undefined : { value: running, tooltip: `${plural(running, 'branch', 'branches')} running` };
  }

  async #showCount(): Promise<void> {
    await this.#show(this.list.runs.length === 0 ? 'empty' : 'ready');
  }

  async #show(state: 'loading' | 'ready' | 'empty' | 'error'): Promise<void> {
    await vscode.commands.executeCommand('setContext', 'forkpoint.runs', state);
  }
}

function clickOf(node: RunTreeNode): vscode.Command | undefined {
  if (node.kind !== 'branch') return undefined;
  return commandLink('forkpoint.compareWithRecorded', 'Compare with Recorded', {
    runId: node.runId,
    branchId: node.branchId,
  });
}
