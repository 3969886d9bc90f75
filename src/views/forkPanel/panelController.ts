import type { Disposable } from '../../core/disposable.ts';
import { BadInputError, ForkPointError, NotFoundError } from '../../core/errors.ts';
import type { ForkPoint } from '../../core/fork/forkRequest.ts';
import type { OpenSession } from '../../core/fork/sessionStore.ts';
import { oneLine } from '../../core/format.ts';
import type { RunId } from '../../core/ids.ts';
import type { TurnOutline } from '../../core/session/recordedSession.ts';
import { allModels } from './allModels.ts';
import { type PanelMethods, shownError } from './answerCall.ts';
import {
  type Conversation,
  conversationOf,
  locateCut,
  moveCut,
  rowParts,
  type TurnContents,
  turnAt,
  turnsOfRows,
  wireRows,
} from './conversation.ts';
import { DraftPlanner } from './draftPlanner.ts';
import { engineStates } from './engineStates.ts';
import { modelChoices } from './modelChoices.ts';
import { newDraft } from './newDraft.ts';
import { PanelAgents } from './panelAgents.ts';
import type { PanelContext, PanelServices } from './panelContext.ts';
import { previewTexts } from './previewTexts.ts';
import type { Cut, EngineState, ForkDraft, Params, Result } from './protocol.ts';
import { RunFollower } from './runFollower.ts';

/** The host's side of one fork panel: everything except the webview itself. */
export class PanelController implements PanelMethods, Disposable {
  private opened: { session: OpenSession; conversation: Conversation } | null = null;
  private draft: ForkDraft;
  private readonly runs: RunFollower;
  private readonly agents: PanelAgents;
  private readonly planner: DraftPlanner;
  private watches: Disposable[] = [];
  private disposed = false;
  /** The last change of the recording that has not been taken in yet. */
  private change: { gone: boolean } | null = null;
  private reading = false;
  /** Drafts are kept in the order in which they were made; the next one waits for this. */
  private keeping: Promise<void> = Promise.resolve();

  constructor(
    private readonly context: PanelContext,
    target: { session: string; at: ForkPoint },
  ) {
    this.draft = this.freshDraft(target.session, target.at);
    this.agents = new PanelAgents({ ...context, agents: async () => (await context.services()).agents });
    this.planner = new DraftPlanner(context, this.agents);
    this.runs = new RunFollower({
      forks: async () => (await context.services()).forks,
      tell: (run) => context.tell('run', run),
      now: () => context.now(),
      later: (ms, callback) => context.later(ms, callback),
    });
  }

  /** The session and the cut that the panel shows now. */
  get target(): { session: string; at: ForkPoint } {
    return { session: this.draft.session, at: this.draft.at };
  }

  /** The run whose progress the panel shows, null where it shows none. */
  get shownRun(): RunId | null {
    return this.runs.followed;
  }

  /** Whether the panel shows a run rather than a fork that is still being made. */
  get hasRun(): boolean {
    return this.runs.followed !== null;
  }

  async open({ saved }: Params<'open'>): Promise<Result<'open'>> {
    const services = await this.context.services();
    this.draft = saved?.draft ?? this.draft;
    const { session, at } = this.draft;
    const stored = await this.context.drafts.recall(session, at);
    // VS Code writes a panel's state some seconds later: after a crash ours may be the newer copy.
    const restored = stored !== null && (saved === null || stored.edits > saved.draft.edits);
    if (restored) this.draft = stored;
    // Going on without asking is agreed to in each panel anew.
    if (this.draft.permissions === 'bypass') this.draft = { ...this.draft, permissions: 'ask' };
    const cut = await this.read(at);
    const { summary, turns } = this.conversation().session.session;
    this.watch(services);
    const runId = saved?.runId ?? services.forks.newRunId();
    this.context.titled(`Fork: ${oneLine(summary.title, 40)}`);
    return {
      title: oneLine(summary.title, 120),
      rows: this.conversation().conversation.rows.length,
      cut,
      draft: this.draft,
      runId,
      restored,
      recordedModel: turnAt(this.conversation().session.session, at)?.models[0] ?? null,
      models: modelChoices(this.nearModels(turns)),
      engines: engineStates('asking'),
      ...this.agents.first(),
      run: await this.runs.follow(runId),
    };
  }

  async rows({ start, count }: Params<'rows'>): Promise<Result<'rows'>> {
    const { conversation } = this.conversation();
    return { start, rows: wireRows(conversation, await this.contents(start, count), start, count) };
  }

  async rowDetail({ row }: Params<'rowDetail'>): Promise<Result<'rowDetail'>> {
    const { conversation } = this.conversation();
    return { parts: rowParts(conversation, await this.contents(row, 1), row) };
  }

  async cut({ at, by }: Params<'cut'>): Promise<Cut> {
    return moveCut(this.conversation().conversation, this.locate(at), by);
  }

  async preview({ draft }: Params<'preview'>): Promise<Result<'preview'>> {
    await this.take(draft);
    const { preview, problems, blocked } = await this.planner.plan(draft, this.locate(draft.at).recordedPrompt);
    return { preview: preview && previewTexts(preview, draft, this.context.inContainer()), problems, blocked };
  }

  async answerers(): Promise<Result<'answerers'>> {
    return this.agents.look();
  }

  async takeStep({ step }: Params<'takeStep'>): Promise<Result<'takeStep'>> {
    await this.context.takeStep(step);
    return {};
  }

  async allowBypass(): Promise<Result<'allowBypass'>> {
    return { allowed: await this.agents.allowBypass() };
  }

  async showFiles({ at }: Params<'showFiles'>): Promise<Result<'showFiles'>> {
    const { session } = this.conversation().session;
    const turn = turnAt(session, at);
    if (turn) await this.context.showFiles({ file: session.summary.file, turn: turn.index, at });
    return {};
  }

  async answer({ runId, branchId, callId, answer }: Params<'answer'>): Promise<Result<'answer'>> {
    this.requireTrust();
    await (await this.context.services()).forks.answer(runId, branchId, callId, answer);
    this.runs.changed(runId);
    return {};
  }

  async models(): Promise<Result<'models'>> {
    const services = await this.context.services();
    const near = this.nearModels(this.conversation().session.session.turns);
    return allModels(near, services, this.context.trusted());
  }

  async engines(): Promise<Result<'engines'>> {
    return { engines: await this.engineStates() };
  }

  async startTemporal(): Promise<Result<'startTemporal'>> {
    this.requireTrust();
    const { temporal } = await this.context.services();
    return { engines: engineStates(await temporal.startServer()) };
  }

  async dispatch({ runId, draft }: Params<'dispatch'>): Promise<Result<'dispatch'>> {
    this.requireTrust();
    const { forks } = await this.context.services();
    await this.take(draft);
    // A second click, or a click after a reload, finds the run there and asks nothing again.
    const before = await this.runs.follow(runId);
    if (before !== null) return { run: before, problems: [] };
    const { request, preview, problems, blocked } = await this.planner.plan(
      draft,
      this.locate(draft.at).recordedPrompt,
    );
    if (blocked) return { run: null, problems: [{ field: 'run', message: blocked.message }] };
    if (!request || !preview || problems.length > 0) return { run: null, problems };
    if (!(await this.context.confirm(preview, request))) return { run: null, problems: [] };
    await forks.dispatch(request, runId);
    await this.keeping;
    await this.context.drafts.forget(draft.session, draft.at);
    return { run: await this.runs.follow(runId), problems: [] };
  }

  async cancel({ runId, branchId }: Params<'cancel'>): Promise<Result<'cancel'>> {
    await (await this.context.services()).forks.cancel(runId, branchId ?? undefined);
    return {};
  }

  async retry({ runId }: Params<'retry'>): Promise<Result<'retry'>> {
    this.requireTrust();
    await this.context.runAgain('retry', runId);
    return {};
  }

  async resume({ runId }: Params<'resume'>): Promise<Result<'resume'>> {
    this.requireTrust();
    await this.context.runAgain('resume', runId);
    return {};
  }

  async compare({ runId, branchId }: Params<'compare'>): Promise<Result<'compare'>> {
    await this.context.openComparison(runId, ...(branchId === null ? [] : [branchId]));
    return {};
  }

  async newRun(): Promise<Result<'newRun'>> {
    this.runs.stop();
    return { runId: (await this.context.services()).forks.newRunId() };
  }

  async remember({ draft }: Params<'remember'>): Promise<Result<'remember'>> {
    const taken = this.take(draft);
    const kept = this.keeping.then(async () => {
      await taken;
      await this.context.drafts.keep(draft, this.freshDraft(draft.session, draft.at));
    });
    this.keeping = kept.catch(() => undefined);
    await kept;
    return {};
  }

  async startOver({ at }: Params<'startOver'>): Promise<Result<'startOver'>> {
    await this.keeping;
    await this.context.drafts.forget(this.draft.session, at);
    this.draft = this.freshDraft(this.draft.session, at);
    return { draft: this.draft };
  }

  async openLink({ href }: Params<'openLink'>): Promise<Result<'openLink'>> {
    if (!/^https?:\/\//i.test(href)) {
      throw new BadInputError(
        'Only web addresses can be opened from a recording.',
        'Copy the text if you need the address.',
      );
    }
    await this.context.openLink(href);
    return {};
  }

  dispose(): void {
    this.disposed = true;
    this.runs.dispose();
    for (const watch of this.watches.splice(0)) watch.dispose();
  }

  private freshDraft(session: string, at: ForkPoint): ForkDraft {
    return newDraft(session, at, { ...this.context.agentDefaults(), engine: this.context.defaultEngine() });
  }

  /** What the panel shows now; where its cut has moved nothing is kept at the old place. */
  private async take(draft: ForkDraft): Promise<void> {
    const old = this.draft;
    this.draft = draft;
    this.agents.chosen(draft, old);
    if (JSON.stringify(draft.at) === JSON.stringify(old.at)) return;
    this.context.cutMoved();
    await this.context.drafts.forget(old.session, old.at);
  }

  private conversation() {
    if (this.opened) return this.opened;
    throw new BadInputError('The fork panel has not been opened yet.', 'Close the fork panel and open it again.');
  }

  /** The turns behind some rows, with their contents. */
  private async contents(start: number, count: number): Promise<TurnContents> {
    const { session, conversation } = this.conversation();
    const turns = await session.turns(turnsOfRows(conversation, start, count));
    return new Map(turns.map((turn) => [turn.index, turn]));
  }

  private nearModels(turns: readonly TurnOutline[]) {
    return [
      { source: 'this session', ids: turns.flatMap((turn) => turn.models) },
      { source: 'settings', ids: this.context.offeredModels() },
      { source: 'this fork', ids: this.draft.branches.map(({ model }) => model) },
    ];
  }

  /** Reads the session and finds the cut in it. */
  private async read(at: ForkPoint): Promise<Cut> {
    const { sessions } = await this.context.services();
    const session = await sessions.open(this.draft.session);
    const turn = turnAt(session.session, at);
    if (!turn) {
      throw new NotFoundError(
        `“${oneLine(session.session.summary.title, 60)}” has no such turn or message.`,
        'Open the fork from the Sessions view again: the recording may have been rewritten.',
      );
    }
    this.opened = { session, conversation: conversationOf(session.session, turn.turnId) };
    return this.locate(at);
  }

  private locate(at: ForkPoint): Cut {
    const { session, conversation } = this.conversation();
    const cut = locateCut(conversation, at);
    if (cut) return cut;
    // The cut went to another branch of the same file.
    const turn = turnAt(session.session, at);
    const other = turn && conversationOf(session.session, turn.turnId);
    const there = other && locateCut(other, at);
    if (!there) throw new ForkPointError('The recording has no such message.', 'Choose another place for the cut.');
    this.opened = { session, conversation: other };
    return there;
  }

  private watch({ sessions, forks }: PanelServices): void {
    for (const watch of this.watches.splice(0)) watch.dispose();
    if (this.disposed) return;
    const { file } = this.conversation().session.session.summary;
    this.watches.push(
      forks.watch((runId) => this.runs.changed(runId)),
      sessions.watch((change) => {
        const gone = change.kind === 'removed';
        // A subagent can be forked like a session: then its own file is the recording.
        const files = gone ? [change.file] : [change.session.file, change.subagent];
        if (files.includes(file)) void this.recordingChanged(gone);
      }),
    );
  }

  /** Shows the recording as it is now. Changes that come while it is read are taken in together afterwards. */
  private async recordingChanged(gone: boolean): Promise<void> {
    this.change = { gone };
    if (this.reading) return;
    this.reading = true;
    while (this.change !== null && !this.disposed) {
      const isGone = this.change.gone;
      this.change = null;
      const cut = isGone ? null : await this.read(this.draft.at).catch(() => null);
      // Where it can't be read, what was read stays shown; the next preview says what is wrong with the recording.
      this.context.tell('conversation', {
        rows: this.conversation().conversation.rows.length,
        gone: cut === null,
        cut,
      });
    }
    this.reading = false;
  }

  private async engineStates(): Promise<EngineState[]> {
    if (!this.context.trusted()) return engineStates('untrusted');
    try {
      return engineStates(await (await this.context.services()).temporal.status());
    } catch (error) {
      // A broken profile of Temporal's must not keep anybody from running in this window.
      return engineStates(shownError(error));
    }
  }

  private requireTrust(): void {
    if (this.context.trusted()) return;
    throw new BadInputError(
      'Runs start only in a trusted workspace.',
      'Trust this workspace (Workspaces: Manage Workspace Trust), then run the fork.',
    );
  }
}
