import '@vscode-elements/elements/dist/vscode-button/index.js';
import { html, LitElement, type TemplateResult } from 'lit';
import { state } from 'lit/decorators.js';
import type { Answer } from '../../../core/agent/agentFacts.ts';
import {
  type BranchProgress,
  type ForkDraft,
  type Method,
  type Params,
  type Result,
  type SavedPanel,
  type Step,
  savedPanelSchema,
} from '../protocol.ts';
import { bottomBar } from './bottomBar.ts';
import { branchMatrix } from './branchMatrix.ts';
import './conversationView.ts';
import type { ConversationActions } from './conversationView.ts';
import { icon } from './fields.ts';
import { HostError, HostLink } from './hostLink.ts';
import { notices, panelHeader } from './panelHeader.ts';
import { runRows } from './runRows.ts';
import { runSettings } from './runSettings.ts';
import { type Action, type PanelState, primaryOf, type ReadyState, reduce, savedPanel } from './state.ts';

export interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: SavedPanel): void;
}

const previewAfterMs = 200;

/** The fork panel: keeps the state, asks the host, draws. */
export class ForkPanelElement extends LitElement {
  static api: VsCodeApi;
  @state() private current: PanelState = { phase: 'loading' };
  @state() private announcement = '';
  private previewTimer = 0;
  private askedModels = false;
  private moves: Promise<void> = Promise.resolve();
  private readonly link = new HostLink((message) => ForkPanelElement.api.postMessage(message), {
    run: (run) => this.act({ type: 'runTold', run }),
    conversation: (change) => this.act({ type: 'conversationChanged', ...change }),
    answerersChanged: () => void this.readAnswerers(),
  });
  private readonly conversation: ConversationActions = {
    fetchRows: async (start, count) => (await this.ask('rows', { start, count })).rows,
    fetchParts: async (row) => (await this.ask('rowDetail', { row })).parts,
    moveCut: (by) => this.moveCutNext(by),
    cutAt: (at) => void this.cutAt(at),
    editPrompt: (prompt) => this.act({ type: 'edit', change: { prompt } }),
    openLink: (href) => void this.try('openLink', { href }),
  };

  protected override createRenderRoot() {
    return this;
  }

  override connectedCallback() {
    super.connectedCallback();
    window.addEventListener('message', this.onMessage);
    window.addEventListener('keydown', this.onKey);
    void this.open();
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    window.removeEventListener('message', this.onMessage);
    window.removeEventListener('keydown', this.onKey);
  }

  protected override render(): TemplateResult {
    const { current } = this;
    if (current.phase === 'loading') {
      return html`<main class="alone" aria-busy="true"><h1 class="quiet">Fork</h1><p>${icon('loading', true)} Reading the session…</p></main>`;
    }
    if (current.phase === 'failed') {
      return html`<main class="alone">
        <h1 class="quiet">Fork</h1>
        <p class="problem" role="alert">${icon('error')}<span>${current.error.message} ${current.error.hint}</span></p>
        <vscode-button secondary @click=${() => void this.open()}>Try Again</vscode-button>
      </main>`;
    }
    return this.renderReady(current);
  }

  private renderReady(panel: ReadyState): TemplateResult {
    const act = (action: Action) => this.act(action);
    return html`
      ${panelHeader(panel)}
      ${notices(panel, { dismiss: () => act({ type: 'dismissNotice' }), startOver: () => void this.startOver() })}
      <main>
        <section class="conversation" aria-label="Conversation around the fork point">
          <conversation-view .panel=${panel} .actions=${this.conversation}></conversation-view>
        </section>
        <div class="fork">
          ${
            panel.run
              ? runRows(panel.run, {
                  cancelBranch: ({ branchId }) => void this.try('cancel', { runId: panel.runId, branchId }),
                  compareBranch: ({ branchId }) => void this.try('compare', { runId: panel.runId, branchId }),
                  answer: (branch, callId, answer) => this.answer(branch, callId, answer),
                })
              : html`${branchMatrix(panel, { act, modelsWanted: () => void this.listModels() })}
              ${runSettings(panel, {
                act,
                startTemporal: () => void this.startTemporal(),
                showFiles: () => void this.try('showFiles', { at: panel.cut.at }),
                chooseBypass: () => void this.chooseBypass(),
              })}`
          }
        </div>
      </main>
      ${bottomBar(panel, {
        primary: () => void this.doPrimary(),
        takeStep: (step) => void this.takeStep(step),
        retry: () => void this.try('retry', { runId: panel.runId }),
        newRun: () => void this.newRun(),
      })}
      <div class="visually-hidden" role="status">${this.announcement}</div>
    `;
  }

  private act(action: Action): void {
    const before = this.current;
    const after = reduce(before, action);
    if (after === before) return;
    this.current = after;
    if (after.phase !== 'ready') return;
    ForkPanelElement.api.setState(savedPanel(after));
    const was = before.phase === 'ready' ? before : null;
    this.announce(was, after);
    // Beside a run only what the header says is asked for, once.
    if (after.revision !== was?.revision && (!after.run || after.preview === null)) this.previewSoon();
    if (was && after.draft !== was.draft && !after.run) this.remember(after);
  }

  /** Tells a screen reader what changed somewhere else than at the focus. */
  private announce(was: ReadyState | null, is: ReadyState): void {
    if (was && was.cut.label !== is.cut.label) this.announcement = `Fork point ${is.cut.label}`;
    const asking = is.run?.branches.find(
      ({ branchId, asks }) => asks && !was?.run?.branches.some((old) => old.branchId === branchId && old.asks),
    );
    if (asking) this.announcement = `${asking.name} ${asking.facts}`;
    const ended = is.run?.branches.find(
      ({ branchId, state }) =>
        state !== 'pending' &&
        state !== 'running' &&
        state !== 'waiting' &&
        was?.run?.branches.some((old) => old.branchId === branchId && old.state !== state),
    );
    if (ended) this.announcement = `${ended.name} ${ended.state}. ${is.run?.summary ?? ''}`;
  }

  private async open(): Promise<void> {
    this.current = { phase: 'loading' };
    const saved = savedPanelSchema.safeParse(ForkPanelElement.api.getState());
    try {
      this.act({ type: 'opened', result: await this.link.call('open', { saved: saved.success ? saved.data : null }) });
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      this.act({ type: 'openFailed', error: error.shown });
      return;
    }
    await Promise.all([this.readEngines(), this.readAnswerers()]);
  }

  /** Asks the host, and shows why where it can't. @throws HostError */
  private async ask<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    try {
      return await this.link.call(method, params);
    } catch (error) {
      if (error instanceof HostError) this.act({ type: 'failed', error: error.shown });
      throw error;
    }
  }

  /** The same for callers that have nothing to do when it fails. */
  private async try<M extends Method>(method: M, params: Params<M>): Promise<Result<M> | null> {
    try {
      return await this.ask(method, params);
    } catch (error) {
      if (error instanceof HostError) return null;
      throw error;
    }
  }

  private ready(): ReadyState | null {
    return this.current.phase === 'ready' ? this.current : null;
  }

  private previewSoon(): void {
    window.clearTimeout(this.previewTimer);
    this.previewTimer = window.setTimeout(() => void this.preview(), previewAfterMs);
  }

  private async preview(): Promise<void> {
    const panel = this.ready();
    if (!panel || (panel.run && panel.preview !== null)) return;
    const result = await this.try('preview', { draft: panel.draft });
    if (result) this.act({ type: 'previewed', revision: panel.revision, result });
  }

  /** Hands the draft to the host at once: the window may be gone before an answer comes. */
  private remember({ draft, dispatching }: ReadyState): void {
    if (!dispatching) void this.try('remember', { draft });
  }

  /** One step after another: keys may come faster than the host answers. */
  private moveCutNext(by: -1 | 1): void {
    this.moves = this.moves.then(() => this.moveCut(by));
  }

  private async moveCut(by: -1 | 1): Promise<void> {
    const panel = this.ready();
    if (!panel || panel.run) return;
    const cut = await this.try('cut', { at: panel.cut.at, by });
    if (cut) this.act({ type: 'cutMoved', cut });
  }

  private async cutAt(at: ForkDraft['at']): Promise<void> {
    const cut = await this.try('cut', { at, by: 0 });
    if (cut) this.act({ type: 'cutMoved', cut });
  }

  private async listModels(): Promise<void> {
    if (this.askedModels) return;
    this.askedModels = true;
    const result = await this.try('models', {});
    if (result) this.act({ type: 'modelsListed', result });
    else this.askedModels = false;
  }

  private async readEngines(): Promise<void> {
    const result = await this.try('engines', {});
    if (result) this.act({ type: 'enginesRead', engines: result.engines });
  }

  private async readAnswerers(): Promise<void> {
    const result = await this.try('answerers', {});
    if (result) this.act({ type: 'answerersRead', result });
  }

  private async takeStep(step: Step['do']): Promise<void> {
    if (step === 'useApi') this.act({ type: 'edit', change: { executor: 'api' } });
    else if (step === 'useClaude') this.act({ type: 'edit', change: { executor: 'claude-code' } });
    else if (await this.try('takeStep', { step })) await this.readAnswerers();
  }

  private async chooseBypass(): Promise<void> {
    const result = await this.try('allowBypass', {});
    if (result?.allowed) this.act({ type: 'edit', change: { permissions: 'bypass' } });
  }

  private async answer({ branchId }: BranchProgress, callId: string, answer: Answer): Promise<boolean> {
    const panel = this.ready();
    return panel !== null && (await this.try('answer', { runId: panel.runId, branchId, callId, answer })) !== null;
  }

  private async startTemporal(): Promise<void> {
    const result = await this.try('startTemporal', {});
    if (result) this.act({ type: 'enginesRead', engines: result.engines });
  }

  private async startOver(): Promise<void> {
    const panel = this.ready();
    const result = panel && (await this.try('startOver', { at: panel.cut.at }));
    if (result) this.act({ type: 'startedOver', draft: result.draft });
  }

  private async newRun(): Promise<void> {
    const result = await this.try('newRun', {});
    if (result) this.act({ type: 'newRun', runId: result.runId });
  }

  private async doPrimary(): Promise<void> {
    const panel = this.ready();
    if (!panel) return;
    // Asked anew, not taken from what was drawn: the second half of a double click comes before the next drawing.
    const { act, enabled } = primaryOf(panel);
    if (!enabled) return;
    const { runId, draft } = panel;
    if (act === 'run') {
      this.act({ type: 'dispatching' });
      const result = await this.try('dispatch', { runId, draft });
      if (result) this.act({ type: 'dispatched', result });
      // It may have failed because of an engine that is gone since: the radio buttons must not say otherwise.
      else await this.readEngines();
    } else if (act === 'cancel') await this.try('cancel', { runId, branchId: null });
    else if (act === 'compare') await this.try('compare', { runId, branchId: null });
    else await this.try(act, { runId });
  }

  private readonly onMessage = (event: MessageEvent) => {
    this.link.receive(event.data);
  };

  private readonly onKey = (event: KeyboardEvent) => {
    const panel = this.ready();
    if (!panel) return;
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      // Only the way forward: Ctrl+Enter twice must not run and then cancel.
      if (primaryOf(panel).act !== 'cancel') void this.doPrimary();
      return;
    }
    const arrow = event.key === 'ArrowUp' || event.key === 'ArrowDown';
    if (!arrow || !event.altKey || event.shiftKey || event.ctrlKey || event.metaKey) return;
    // In the matrix Alt+Down opens lists, as everywhere.
    if ((event.target as Element).closest('.fork')) return;
    event.preventDefault();
    this.moveCutNext(event.key === 'ArrowUp' ? -1 : 1);
  };
}
