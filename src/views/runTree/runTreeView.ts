// src/views/runTree: the Runs view: nodes, rows and tooltips of runs and their branches, notifications, the status
// bar. State comes from foldRun only; no view keeps a second copy of it.

import * as vscode from 'vscode';
import { oneLine, plural } from '../../core/format.ts';
import type { RunId } from '../../core/ids.ts';
import { messageSafe } from '../../core/plainText.ts';
import { forkPointName } from '../../core/useCases/agentRuns.ts';
import { fileSides, fileTitle } from '../branchDiff/codeUris.ts';
import { outputUri } from '../branchDiff/outputUris.ts';
import { commandLink } from '../commands.ts';
import { branchUri } from '../documentUris.ts';
import { tooltip, treeItem } from '../treeItem.ts';
import { checkOutcome } from './agentWords.ts';
import { baselineChildren, branchChildren } from './branchChildren.ts';
import type { RunChange, RunList } from './runList.ts';
import {
  asksAPerson,
  baselineNodes,
  branchNodes,
  type CheckNode,
  type FileNode,
  isUnderWay,
  type RunNode,
  type RunTreeNode,
  runNode,
  type SinceBranchNode,
  sinceChildren,
  sinceNodes,
} from './runNodes.ts';
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
    switch (node.kind) {
      case 'run':
        return [...branchNodes(node.run), ...baselineNodes(node.run), ...sinceNodes(node.run)];
      case 'repeats':
        return node.branches;
      case 'branch':
        return branchChildren(node);
      case 'baseline':
        return baselineChildren(node);
      case 'since':
        return sinceChildren(node);
      default:
        return [];
    }
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

  /** Agents that wait for a person come first; nobody else can let them go on. */
  #showBadge(): void {
    const branches = this.list.runs.filter(({ state }) => isUnderWay(state)).flatMap((run) => run.branches);
    const asking = branches.filter(asksAPerson).length;
    const running = branches.filter(({ state }) => isUnderWay(state)).length;
    const tooltip =
      asking > 0
        ? `${plural(asking, 'branch', 'branches')} ${asking === 1 ? 'waits' : 'wait'} for you`
        : `${plural(running, 'branch', 'branches')} running`;
    this.view.badge = running === 0 ? undefined : { value: asking > 0 ? asking : running, tooltip };
  }

  async #showCount(): Promise<void> {
    await this.#show(this.list.runs.length === 0 ? 'empty' : 'ready');
  }

  async #show(state: 'loading' | 'ready' | 'empty' | 'error'): Promise<void> {
    await vscode.commands.executeCommand('setContext', 'forkpoint.runs', state);
  }
}

/** A click opens, it never acts. */
function clickOf(node: RunTreeNode): vscode.Command | undefined {
  switch (node.kind) {
    case 'branch': {
      const target = { runId: node.runId, branchId: node.branchId };
      return node.branch.files.length > 0 && !isUnderWay(node.branch.state)
        ? commandLink('forkpoint.openChanges', 'Open Changes', target)
        : commandLink('forkpoint.compareWithRecorded', 'Compare with Recorded', target);
    }
    case 'step': {
      const { runId, branchId } = node;
      return commandLink('forkpoint.compareWithRecorded', 'Compare with Recorded', { runId, branchId });
    }
    case 'question': {
      const { runId, branchId, callId } = node;
      return commandLink('forkpoint.showQuestion', 'Show Question', { runId, branchId, callId });
    }
    case 'file':
      return fileClick(node);
    case 'check':
      return outputClick(node);
    case 'since-branch':
      return sinceClick(node);
    default:
      return undefined;
  }
}

function fileClick({ runId, branchId, file, name }: FileNode): vscode.Command {
  const { left, right } = fileSides(runId, file, forkPointName, branchId);
  const title = fileTitle(file, 'fork point', name);
  const uris = [vscode.Uri.from(left), vscode.Uri.from(right)];
  return { command: 'vscode.diff', title: 'Open Changes', arguments: [...uris, title, { preview: true }] };
}

/** What the branch said and did in the run before, beside what it did in this one. */
function sinceClick({ runId, previous, changes }: SinceBranchNode): vscode.Command {
  const { name, branchId, previousId } = changes;
  const left = vscode.Uri.from(branchUri('run before', name, { run: previous, branch: previousId }));
  const right = vscode.Uri.from(branchUri('this run', name, { run: runId, branch: branchId }));
  const title = messageSafe(`${oneLine(name, 40)}: run before ↔ this run`);
  return {
    command: 'vscode.diff',
    title: 'Compare with the Run Before',
    arguments: [left, right, title, { preview: true }],
  };
}

function outputClick({ of, result }: CheckNode): vscode.Command {
  const uri = vscode.Uri.from(
    outputUri(of, { output: result.output, name: result.name, outcome: checkOutcome(result) }),
  );
  return { command: 'vscode.open', title: 'Open Output', arguments: [uri, { preview: true }] };
}
