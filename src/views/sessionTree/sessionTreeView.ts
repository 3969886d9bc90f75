// src/views/sessionTree: the Sessions view: nodes, rows and tooltips of sessions, turns and steps, and the commands
// on them. No transcript is read in this thread.

import * as vscode from 'vscode';
import { NotFoundError } from '../../core/errors.ts';
import type { SessionChange } from '../../core/fork/sessionStore.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { expiringMessage } from '../keepSessions/keepTexts.ts';
import { settings } from '../settings.ts';
import { tooltip, treeItem } from '../treeItem.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { clickOf } from './clickOf.ts';
import { OpenRows, type SessionRows } from './openRows.ts';
import { parentOf, projectChildren } from './projectChildren.ts';
import { sessionChildren, subagentChildren, turnChildren } from './sessionChildren.ts';
import { SessionList, type Touched } from './sessionList.ts';
import type {
  InsideSessionNode,
  InsideTurnNode,
  SessionNode,
  SessionTreeNode,
  SubagentNode,
  TurnNode,
} from './sessionNodes.ts';
import { sessionRow } from './sessionRows.ts';
import { sessionTooltip } from './sessionTooltips.ts';

const viewId = 'forkpoint.sessions';
/** Changes that come together are shown together. */
const coalesceMs = 100;
/** How long the tree stays as it is while a list is read. */
const patienceMs = 150;
/** How long a growing session must be quiet before its row is refreshed as a whole, tooltip included. */
const quietMs = 5_000;

type State = 'loading' | 'ready' | 'empty' | 'error';

/** The Sessions tree. Reads nothing before it is shown, and a session's turns not before it is expanded. */
export class SessionTreeView implements vscode.TreeDataProvider<SessionTreeNode>, vscode.Disposable {
  readonly view: vscode.TreeView<SessionTreeNode>;
  readonly onDidChangeTreeData: vscode.Event<SessionTreeNode | undefined>;
  readonly #changed = new vscode.EventEmitter<SessionTreeNode | undefined>();
  /** Fires when the file of a session or of a subagent has grown, was replaced or deleted. */
  readonly onDidChangeSession: vscode.Event<{ file: string }>;
  readonly #sessionChanged = new vscode.EventEmitter<{ file: string }>();
  readonly #list = new SessionList(openFolders());
  readonly #rows = new OpenRows((session) => this.#read(session));
  readonly #touched = new Set<Touched>();
  /** Sessions whose own row looks as before. */
  readonly #touchedInside = new Set<SessionNode>();
  /** Sessions of which only rows inside were shown anew since. */
  readonly #quiet = new Set<SessionNode>();
  readonly #subscriptions: vscode.Disposable[] = [];
  #state: State = 'loading';
  #loading: Promise<void> | null = null;
  #watching: { dispose(): void } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #shown: Promise<void> = Promise.resolve();
  #quietTimer: NodeJS.Timeout | null = null;

  constructor(
    private readonly services: ServiceProvider,
    private readonly log: (message: string, error?: unknown) => void,
  ) {
    this.onDidChangeTreeData = this.#changed.event;
    this.onDidChangeSession = this.#sessionChanged.event;
    this.view = vscode.window.createTreeView(viewId, {
      treeDataProvider: this,
      showCollapseAll: true,
      canSelectMany: true,
    });
    this.#subscriptions.push(
      this.view,
      this.#changed,
      this.#sessionChanged,
      this.view.onDidCollapseElement(({ element }) => {
        if (element.kind === 'session') this.#rows.drop(element.file);
      }),
      vscode.workspace.onDidChangeWorkspaceFolders(() => void this.reload()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#showMessage()),
      services.onDidReplace(() => void this.reload()),
    );
  }

  /** All sessions that are listed, in the order of the tree; reads them if that has not been done yet. */
  async sessions(): Promise<SessionNode[]> {
    await this.#loaded();
    return this.#list.sessions;
  }

  /** Reads the list of sessions again. */
  async reload(): Promise<void> {
    this.#loading = null;
    this.#rows.clear();
    await this.#loaded();
    this.#changed.fire(undefined);
  }

  /** Shows a session in the tree. @throws NotFoundError where it isn't listed */
  async revealFile(file: string): Promise<void> {
    await this.#loaded();
    const session = this.#list.find(file);
    if (session === undefined) {
      throw new NotFoundError('This session is no longer listed.', 'Refresh the Sessions view and choose again.');
    }
    await this.reveal(session);
  }

  /** Shows the session that another one was forked from. @throws NotFoundError where it isn't listed */
  async revealParent(file: string): Promise<void> {
    await this.#loaded();
    const fork = this.#list.find(file);
    const origin = fork?.summary.forkedFrom;
    const parent = origin && this.#list.findById(origin.sessionId, fork);
    if (!parent) {
      throw new NotFoundError(
        'The session that this one was forked from is not listed.',
        'Claude Code deletes old sessions. Keep This Session saves the ones you still need.',
      );
    }
    await this.reveal(parent);
  }

  async reveal(session: SessionNode): Promise<void> {
    await this.view.reveal(session, { select: true, focus: true, expand: true });
  }

  async getChildren(node?: SessionTreeNode): Promise<SessionTreeNode[]> {
    if (node === undefined) return this.#roots();
    switch (node.kind) {
      case 'project':
        return projectChildren(node);
      case 'period':
        return node.sessions;
      case 'session':
        return this.#rows.of(node);
      case 'turn':
        return this.#openTurn(node);
      case 'subagent':
        return this.#openSubagent(node);
      case 'abandoned':
        return node.turns;
      default:
        return [];
    }
  }

  getTreeItem(node: SessionTreeNode): vscode.TreeItem {
    const session = 'session' in node ? this.#list.find(node.session) : undefined;
    const row = sessionRow(node, { now: Date.now(), projectPath: session?.summary.projectPath ?? null });
    return treeItem(row, clickOf(node));
  }

  getParent(node: SessionTreeNode): SessionTreeNode | undefined {
    if (node.kind === 'period') return node.project;
    if (node.kind !== 'session') return node.kind === 'turn' ? this.#list.find(node.file) : undefined;
    const project = this.#list.projectOf(node);
    return project && parentOf(node, project);
  }

  resolveTreeItem(item: vscode.TreeItem, node: SessionTreeNode): vscode.TreeItem {
    item.tooltip = tooltip(sessionTooltip(node, { titleOf: (id) => this.#list.findById(id)?.summary.title ?? null }));
    return item;
  }

  dispose(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#quietTimer !== null) clearTimeout(this.#quietTimer);
    this.#watching?.dispose();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  /**
   * Waits a moment for the list, which comes at once from an index: an empty answer would stand for 200 ms, as the editor
   * gathers changes for so long. Where it takes longer the welcome content says that sessions are being read.
   */
  async #roots(): Promise<SessionTreeNode[]> {
    if (this.#loading === null) {
      const loaded = this.#loaded().then(() => true);
      const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), patienceMs));
      const inTime = await Promise.race([loaded, late]);
      if (!inTime) {
        void loaded.then(() => this.#changed.fire(undefined));
        return [];
      }
    }
    return [...this.#list.projects];
  }

  #loaded(): Promise<void> {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  async #load(): Promise<void> {
    await this.#show('loading');
    await vscode.window.withProgress({ location: { viewId } }, async () => {
      try {
        const { sessions } = await this.services.get();
        this.#watching?.dispose();
        // Watched before it is listed: what appears in between is told twice rather than never.
        const early: SessionChange[] = [];
        let take = (change: SessionChange): void => void early.push(change);
        this.#watching = sessions.watch((change) => take(change));
        this.#list.reset(await sessions.list(), openFolders());
        take = (change) => this.#take(change);
        early.forEach(take);
        this.view.description = this.#list.sessions.length === 0 ? sessions.folders.map(shortened).join(', ') : '';
        await this.#show(this.#list.sessions.length === 0 ? 'empty' : 'ready');
        void this.#refreshKept();
      } catch (error) {
        this.log('The sessions could not be read.', error);
        this.#list.reset([]);
        await this.#show('error');
      }
    });
  }

  /** Copies of sessions that have grown since are brought up to date, aside from everything else. */
  async #refreshKept(): Promise<void> {
    if (!vscode.workspace.isTrusted) return;
    try {
      const { failed } = await (await this.services.get()).archive.refresh();
      for (const { file, error } of failed)
        this.log(`The kept copy of ${file} could not be brought up to date.`, error);
    } catch (error) {
      this.log('The archive could not be read.', error);
    }
  }

  async #show(state: State): Promise<void> {
    this.#state = state;
    this.#showMessage();
    // The welcome content says by which of these the folder is named.
    const from =
      settings.claudeDirs().length > 0 ? 'setting' : process.env['CLAUDE_CONFIG_DIR'] ? 'environment' : 'default';
    await Promise.all([
      vscode.commands.executeCommand('setContext', 'forkpoint.sessionsFrom', from),
      vscode.commands.executeCommand('setContext', 'forkpoint.sessions', state),
    ]);
  }

  /** A message would hide the welcome content, so it stands above rows only. */
  #showMessage(): void {
    const summaries = this.#state === 'ready' ? this.#list.sessions.map(({ summary }) => summary) : [];
    const expiring = expiringMessage(summaries, Date.now());
    const restricted = summaries.length > 0 && !vscode.workspace.isTrusted;
    this.view.message = restricted
      ? 'Restricted Mode: sessions can be read, not forked or run.'
      : (expiring ?? undefined);
    void vscode.commands.executeCommand('setContext', 'forkpoint.expiringSessions', expiring !== null);
  }

  async #read(node: SessionNode): Promise<SessionRows> {
    const { sessions } = await this.services.get();
    const source = await sessions.open(node.file);
    return { rows: sessionChildren(node.file, source.session, this.#list.forksOf(node.summary)), source };
  }

  async #openSubagent(node: SubagentNode): Promise<InsideSessionNode[]> {
    const { sessions } = await this.services.get();
    return subagentChildren(node, (await sessions.open(node.file)).session);
  }

  async #openTurn(node: TurnNode): Promise<InsideTurnNode[]> {
    const { sessions } = await this.services.get();
    const [turn] = await (await sessions.open(node.file)).turns([node.turn]);
    return turn === undefined ? [] : turnChildren(node, turn);
  }

  #take(change: SessionChange): void {
    const file = change.kind === 'removed' ? change.file : change.session.file;
    this.#rows.changed(file);
    this.#sessionChanged.fire({ file });
    if (change.kind === 'changed' && change.subagent !== undefined)
      this.#sessionChanged.fire({ file: change.subagent });
    const before = this.#list.find(file);
    const [summary, look] = [before?.summary, before && lookOf(before)];
    const touched = this.#list.apply(change);
    if (touched !== null) this.#touch(touched, look);
    this.#touchParent(change.kind === 'removed' ? summary : change.session);
    if (this.#touched.size > 0 || this.#touchedInside.size > 0) this.#showSoon();
  }

  /** @param look how the session's row looked before */
  #touch(touched: Touched, look: string | undefined): void {
    const sameLook = touched !== 'all' && touched.kind === 'session' && lookOf(touched) === look;
    if (sameLook) this.#touchedInside.add(touched);
    else this.#touched.add(touched);
  }

  /** The row of a fork stands also under its parent. */
  #touchParent(fork: SessionSummary | undefined): void {
    const parent = fork?.forkedFrom && this.#list.findById(fork.forkedFrom.sessionId);
    if (parent && this.#rows.drop(parent.file)) this.#touched.add(parent);
  }

  #showSoon(): void {
    this.#timer ??= setTimeout(() => {
      // One after the other: what was read earlier must not replace what was read later.
      this.#shown = this.#shown
        .then(() => this.#flush())
        .catch((error: unknown) => this.log('A change of the sessions could not be shown.', error));
    }, coalesceMs);
  }

  async #flush(): Promise<void> {
    this.#timer = null;
    const touched = new Set(this.#touched);
    this.#touched.clear();
    const inside = [...this.#touchedInside].filter((session) => !touched.has(session));
    this.#touchedInside.clear();
    const state: State = this.#list.sessions.length === 0 ? 'empty' : 'ready';
    if (state === this.#state) this.#showMessage();
    else await this.#show(state);
    if (state === 'ready') this.view.description = '';
    if (touched.has('all')) return this.#changed.fire(undefined);
    for (const node of touched) if (node !== 'all') this.#changed.fire(node);
    for (const session of inside) await this.#showInside(session);
  }

  /** Shows what has changed in a session whose own row looks as before. */
  async #showInside(session: SessionNode): Promise<void> {
    const rows = await this.#rows.refresh(session).catch(() => null);
    for (const row of rows ?? [session]) this.#changed.fire(row);
    if (rows !== null) this.#showWhenQuiet(session);
  }

  #showWhenQuiet(session: SessionNode): void {
    if (this.#quietTimer !== null) clearTimeout(this.#quietTimer);
    this.#quiet.add(session);
    this.#quietTimer = setTimeout(() => {
      for (const shown of this.#quiet) this.#changed.fire(shown);
      this.#quiet.clear();
    }, quietMs);
  }
}

/** How a session's row looks, but for its tooltip. */
function lookOf(session: SessionNode): string {
  return JSON.stringify(sessionRow(session, { now: Date.now(), projectPath: null }));
}

function openFolders(): string[] {
  return (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
}

/** The path with the home folder as `~`, as far as the environment names it. */
function shortened(folder: string): string {
  const home = process.env['HOME'] ?? process.env['USERPROFILE'];
  return home !== undefined && home !== '' && folder.startsWith(home) ? `~${folder.slice(home.length)}` : folder;
}
