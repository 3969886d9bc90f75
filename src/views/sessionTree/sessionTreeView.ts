import * as vscode from 'vscode';
import { NotFoundError } from '../../core/errors.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import type { SessionChange } from '../../core/session/sessionStore.ts';
import { commandLink } from '../commands.ts';
import { expiringMessage } from '../keepSessions/keepTexts.ts';
import { settings } from '../settings.ts';
import { tooltip, treeItem } from '../treeItem.ts';
import type { ServiceProvider } from '../viewServices.ts';
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
/** Sessions whose turns are kept, so that a refresh around them doesn't read their files again. */
const keptOpen = 8;
/** Changes that come together are shown together. */
const coalesceMs = 100;
/** How long the tree stays as it is while a list is read. */
const patienceMs = 150;

type State = 'loading' | 'ready' | 'empty' | 'error';

/** The Sessions tree. Reads nothing before it is shown, and a session's turns not before it is expanded. */
export class SessionTreeView implements vscode.TreeDataProvider<SessionTreeNode>, vscode.Disposable {
  readonly view: vscode.TreeView<SessionTreeNode>;
  readonly onDidChangeTreeData: vscode.Event<SessionTreeNode | undefined>;
  readonly #changed = new vscode.EventEmitter<SessionTreeNode | undefined>();
  /** Fires when a session's file has grown, was replaced or deleted. */
  readonly onDidChangeSession: vscode.Event<{ file: string }>;
  readonly #sessionChanged = new vscode.EventEmitter<{ file: string }>();
  readonly #list = new SessionList(openFolders());
  readonly #children = new Map<string, InsideSessionNode[]>();
  readonly #touched = new Set<Touched>();
  readonly #subscriptions: vscode.Disposable[] = [];
  #state: State = 'loading';
  #loading: Promise<void> | null = null;
  #watching: { dispose(): void } | null = null;
  #timer: NodeJS.Timeout | null = null;

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
    this.#children.clear();
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
        return this.#open(node);
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

  async #open(node: SessionNode): Promise<InsideSessionNode[]> {
    const known = this.#children.get(node.file);
    if (known !== undefined) return known;
    const { sessions } = await this.services.get();
    const { session } = await sessions.open(node.file);
    const children = sessionChildren(node.file, session, this.#list.forksOf(node.summary));
    this.#children.set(node.file, children);
    for (const file of this.#children.keys()) {
      if (this.#children.size <= keptOpen) break;
      this.#children.delete(file);
    }
    return children;
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
    this.#children.delete(file);
    this.#sessionChanged.fire({ file });
    const summary = change.kind === 'removed' ? this.#list.find(file)?.summary : change.session;
    const touched = this.#list.apply(change);
    if (touched !== null) this.#touched.add(touched);
    this.#touchParent(summary);
    if (this.#touched.size === 0) return;
    this.#timer ??= setTimeout(() => void this.#flush(), coalesceMs);
  }

  /** The row of a fork stands also under its parent. */
  #touchParent(fork: SessionSummary | undefined): void {
    const parent = fork?.forkedFrom && this.#list.findById(fork.forkedFrom.sessionId);
    if (!parent || !this.#children.delete(parent.file)) return;
    this.#touched.add(parent);
  }

  async #flush(): Promise<void> {
    this.#timer = null;
    const touched = [...this.#touched];
    this.#touched.clear();
    const state: State = this.#list.sessions.length === 0 ? 'empty' : 'ready';
    if (state === this.#state) this.#showMessage();
    else await this.#show(state);
    if (state === 'ready') this.view.description = '';
    if (touched.includes('all')) this.#changed.fire(undefined);
    else for (const node of touched) if (node !== 'all') this.#changed.fire(node);
  }
}

function clickOf(node: SessionTreeNode): vscode.Command | undefined {
  switch (node.kind) {
    case 'turn':
    case 'step':
      return commandLink('forkpoint.openTurn', 'Open Turn', { file: node.file, turn: node.turn });
    case 'fork':
      return commandLink('forkpoint.revealSession', 'Show in Sessions', { file: node.file });
    case 'compaction':
      return commandLink('forkpoint.openRawTranscript', 'Open Raw Transcript', { file: node.file, line: node.line });
    default:
      return undefined;
  }
}

function openFolders(): string[] {
  return (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
}

/** The path with the home folder as `~`, as far as the environment names it. */
function shortened(folder: string): string {
  const home = process.env['HOME'] ?? process.env['USERPROFILE'];
  return home !== undefined && home !== '' && folder.startsWith(home) ? `~${folder.slice(home.length)}` : folder;
}
