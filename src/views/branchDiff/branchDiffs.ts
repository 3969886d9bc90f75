// src/views/branchDiff: comparisons as editors: diffs of answers and of code, and the table. What differs is worked
// out in src/core/compare; nothing is compared here.

import * as vscode from 'vscode';
import { type ComparedBranch, type Comparison, recordedName } from '../../core/compare/comparison.ts';
import { NotFoundError } from '../../core/errors.ts';
import { oneLine } from '../../core/format.ts';
import type { BranchId, RunId } from '../../core/ids.ts';
import { messageSafe } from '../../core/plainText.ts';
import type { RunView } from '../../core/run/runView.ts';
import { forkPointName, recordedStateName } from '../../core/useCases/agentRuns.ts';
import { branchScheme, branchUri, parseBranchUri } from '../documentUris.ts';
import type { RunList } from '../runTree/runList.ts';
import { isUnderWay } from '../runTree/runNodes.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { VirtualDocuments } from '../virtualDocuments.ts';
import { type ChangesEntry, CodeDiffs } from './codeDiffs.ts';
import { ComparisonPanels } from './comparisonPanels.ts';
import { Comparisons } from './comparisons.ts';

const readOnly = 'This document is made from a run. It can’t be edited.';

/** One side of a diff. */
export interface Side {
  runId: RunId;
  branch: BranchId | typeof recordedName;
}

/** The documents of runs and the editors that show them side by side. */
export class BranchDiffs implements vscode.Disposable {
  readonly #comparisons: Comparisons;
  readonly #documents: VirtualDocuments;
  readonly #tables: ComparisonPanels;
  readonly code: CodeDiffs;
  readonly #following: { dispose(): void };

  constructor(
    private readonly services: ServiceProvider,
    private readonly runs: RunList,
    extensionUri: vscode.Uri,
    onError: (error: unknown) => Promise<void>,
  ) {
    const comparisons = new Comparisons(services, runs);
    this.#comparisons = comparisons;
    this.code = new CodeDiffs(services);
    this.#documents = new VirtualDocuments(branchScheme, readOnly, (uri) => this.#document(uri));
    this.#tables = new ComparisonPanels({
      extensionUri,
      services,
      runs,
      comparisons,
      openDiff: (runId, branch, line) => this.open({ runId, branch }, { runId, branch: recordedName }, line),
      onError,
    });
    this.#following = runs.onDidChange((changes) => {
      const changed = new Set<string>(changes.map(({ runId }) => runId));
      this.#documents.refresh((uri) => changed.has(parseBranchUri(uri.query)?.run ?? ''));
    });
  }

  /**
   * A diff editor of two sides, titled `cheaper ↔ recorded · <prompt>`. The recording, where it is one of them, stands on
   * the left, so that what the branch adds reads as added. Where Claude Code answered, the files that differ stand below what
   * was said, in one multi-file diff.
   * @param line 1-based line of the right side to show; then what was said is shown alone
   */
  async open(a: Side, b: Side, line?: number): Promise<void> {
    const [left, right] = b.branch === recordedName ? [b, a] : [a, b];
    const [nameLeft, nameRight] = await Promise.all([this.#name(left), this.#name(right)]);
    const title = await this.#title(right.runId);
    const names = left.branch === recordedName ? `${nameRight} ↔ ${nameLeft}` : `${nameLeft} ↔ ${nameRight}`;
    const [uriLeft, uriRight] = await Promise.all([this.#uri(left), this.#uri(right)]);
    const files = line === undefined && left.runId === right.runId ? await this.#files(left, right) : [];
    if (files.length > 0) {
      // Under one name: the editor would announce another one as a renaming.
      const named = await this.#uri({ ...left, shownAs: right.branch });
      const entries = [[uriRight, named, uriRight], ...files];
      await vscode.commands.executeCommand('vscode.changes', `${names} · ${oneLine(title, 60)}`, entries);
      return;
    }
    const at = line === undefined ? undefined : new vscode.Range(line - 1, 0, line - 1, 0);
    await vscode.commands.executeCommand('vscode.diff', uriLeft, uriRight, `${names} · ${oneLine(title, 60)}`, {
      preview: true,
      ...(at !== undefined && { selection: at }),
    });
  }

  /** A multi-file diff: each branch against the recording; where Claude Code answered with the files that differ. */
  async openAll(runId: RunId): Promise<void> {
    const comparison = await this.#comparisons.of(runId);
    const title = await this.#title(runId);
    const run = await this.#run(runId);
    const entries: ChangesEntry[] = [];
    for (const { id, name } of comparison.branches) {
      const branch = vscode.Uri.from(branchUri(title, name, { run: runId, branch: id as BranchId }));
      // Under the branch's own name: the editor would announce another one as a renaming.
      const recorded = vscode.Uri.from(branchUri(title, name, { run: runId, branch: recordedName }));
      entries.push([branch, recorded, branch], ...(await this.#filesOfBranch(run, id as BranchId, name)));
    }
    await vscode.commands.executeCommand('vscode.changes', `All branches ↔ recorded · ${oneLine(title, 60)}`, entries);
  }

  /** The comparison table. Beside other editors it doesn't take the focus. */
  async openTable(runId: RunId, column: vscode.ViewColumn = vscode.ViewColumn.Active): Promise<void> {
    await this.#tables.open(runId, column, column !== vscode.ViewColumn.Active);
  }

  /** What a finished run is worth looking at: one branch's diff, or all of them with the table beside. */
  async openComparison(runId: RunId, a?: string, b?: string): Promise<void> {
    const comparison = await this.#comparisons.of(runId);
    if (a !== undefined) {
      const first = sideNamed(comparison, runId, a);
      await this.open(first, b === undefined ? { runId, branch: recordedName } : sideNamed(comparison, runId, b));
      return;
    }
    const [only] = comparison.branches;
    if (only !== undefined && comparison.branches.length === 1) {
      await this.open({ runId, branch: only.id as BranchId }, { runId, branch: recordedName });
      return;
    }
    await this.openAll(runId);
    await this.openTable(runId, vscode.ViewColumn.Beside);
  }

  /** All sides of a run, the recording first, to choose from. */
  async sides(runId: RunId): Promise<ComparedBranch[]> {
    const { baseline, branches } = await this.#comparisons.of(runId);
    return [baseline, ...branches];
  }

  dispose(): void {
    this.#following.dispose();
    this.#documents.dispose();
    this.#tables.dispose();
  }

  async #document(uri: vscode.Uri): Promise<string> {
    const asked = parseBranchUri(uri.query);
    if (asked === null) throw vscode.FileSystemError.FileNotFound(uri);
    const { baseline, branches } = await this.#comparisons.of(asked.run);
    const side = [baseline, ...branches].find(({ id }) => id === asked.branch);
    if (side === undefined) throw vscode.FileSystemError.FileNotFound(uri);
    return side.document;
  }

  /** Entries of the files that differ; none where nothing worked on files. What can't be told is said beside the editor. */
  async #files(left: Side, right: Side): Promise<ChangesEntry[]> {
    const run = await this.#run(right.runId);
    if (run.executor === 'api') return [];
    const side = ({ branch }: Side) => (branch === recordedName ? recordedStateName : branch);
    const entries = await this.code.entries(run.runId, side(left), side(right));
    if (typeof entries !== 'string') return entries;
    const working = run.branches.some(
      ({ branchId, state }) => [left.branch, right.branch].includes(branchId) && isUnderWay(state),
    );
    // Of a branch at work nobody expects its files yet.
    if (!working) void vscode.window.showInformationMessage(messageSafe(`Only what was said is compared. ${entries}`));
    return [];
  }

  /** Against the recorded end where that is known, else against the fork point. */
  async #filesOfBranch(run: RunView, branch: BranchId, name: string): Promise<ChangesEntry[]> {
    if (run.executor === 'api') return [];
    const recorded = await this.code.entries(run.runId, recordedStateName, branch, name);
    if (typeof recorded !== 'string') return recorded;
    const changes = await this.code.entries(run.runId, forkPointName, branch, name);
    return typeof changes === 'string' ? [] : changes;
  }

  async #run(runId: RunId): Promise<RunView> {
    const known = this.runs.find(runId);
    if (known !== undefined) return known;
    const { forks } = await this.services.get();
    return forks.run(runId);
  }

  async #title(runId: RunId): Promise<string> {
    return (await this.#run(runId)).title;
  }

  async #name({ runId, branch }: Side): Promise<string> {
    const side = (await this.sides(runId)).find(({ id }) => id === branch);
    return oneLine(side?.name ?? branch, 40);
  }

  /** @param side `shownAs`: another side of the run whose name the document goes under */
  async #uri(side: Side & { shownAs?: Side['branch'] }): Promise<vscode.Uri> {
    const named = { runId: side.runId, branch: side.shownAs ?? side.branch };
    const [title, name] = await Promise.all([this.#title(side.runId), this.#name(named)]);
    return vscode.Uri.from(branchUri(title, name, { run: side.runId, branch: side.branch }));
  }
}

function sideNamed({ baseline, branches }: Comparison, runId: RunId, name: string): Side {
  const side = [baseline, ...branches].find(({ id, name: shown }) => id === name || shown === name);
  if (side === undefined) {
    throw new NotFoundError(`The run has no branch “${name}”.`, 'Choose one of the rows below the run.');
  }
  return { runId, branch: side.id === recordedName ? recordedName : (side.id as BranchId) };
}
