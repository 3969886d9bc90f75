import { BadInputError, ForkPointError, ForkpointError, NotFoundError } from '../../core/errors.ts';
import type { EngineKind, ForkPoint } from '../../core/fork/forkRequest.ts';
import { messageWithHint, oneLine } from '../../core/format.ts';
import type { BranchId, RunId } from '../../core/ids.ts';
import type { ForkPreview, ForkService } from '../../core/run/forkService.ts';
import type { Disposable, ModelClients } from '../../core/run/ports.ts';
import type { TemporalControl } from '../../core/run/temporalControl.ts';
import type { TurnOutline } from '../../core/session/recordedSession.ts';
import type { OpenSession, SessionStore } from '../../core/session/sessionStore.ts';
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
import type { DraftMemory } from './draftMemory.ts';
import { engineStates } from './engineStates.ts';
import { fieldOfPath, forkRequestOf } from './forkRequestOf.ts';
import { modelChoices } from './modelChoices.ts';
import { newDraft } from './newDraft.ts';
import { previewTexts } from './previewTexts.ts';
import type { Cut, EngineState, EventData, EventName, FieldProblem, ForkDraft, Params, Result } from './protocol.ts';
import { RunFollower } from './runFollower.ts';

/** The services that a fork panel works with. */
export interface PanelServices {
  sessions: SessionStore;
  forks: ForkService;
  models: ModelClients;
  temporal: Pick<TemporalControl, 'status' | 'startServer'>;
}

/** What one panel needs from its surroundings. */
export interface PanelSurroundings {
  services(): Promise<PanelServices>;
  drafts: DraftMemory;
  /** Tells the webview something. */
  tell<E extends EventName>(event: E, data: EventData<E>): void;
  /** Title of the editor tab. */
  titled(title: string): void;
  /** `target` is another one now. */
  cutMoved(): void;
  openComparison(runId: RunId, a?: string, b?: string): Promise<void>;
  openLink(href: string): Promise<void>;
  /** Asked before a run that is billed. The panel has shown what will be sent and what it may cost. */
  confirm(preview: ForkPreview): Promise<boolean>;
  /** Runs again what failed or was left undone, after saying what that sends and may cost. */
  runAgain(reason: 'retry' | 'resume', runId: RunId): Promise<void>;
  /** Models named in the settings. */
  offeredModels(): string[];
  defaultEngine(): EngineKind;
  /** No process and no network before the workspace is trusted. */
  trusted(): boolean;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once after `ms`. */
  later(ms: number, callback: () => void): Disposable;
}

/** The host's side of one fork panel: everything except the webview itself. */
export class PanelController implements PanelMethods, Disposable {
  private opened: { session: OpenSession; conversation: Conversation } | null = null;
  private draft: ForkDraft;
  private readonly runs: RunFollower;
  private watches: Disposable[] = [];
  private disposed = false;
  /** The last change of the recording that has not been taken in yet. */
  private change: { gone: boolean } | null = null;
  private reading = false;

  constructor(
    private readonly around: PanelSurroundings,
    target: { session: string; at: ForkPoint },
  ) {
    this.draft = newDraft(target.session, target.at, around.defaultEngine());
    this.runs = new RunFollower({
      forks: async () => (await around.services()).forks,
      tell: (run) => around.tell('run', run),
      now: () => around.now(),
      later: (ms, callback) => around.later(ms, callback),
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
    const services = await this.around.services();
    this.draft = saved?.draft ?? this.draft;
    const { session, at } = this.draft;
    const remembered = await this.around.drafts.recall(session, at);
    // VS Code writes a panel's state some seconds later: after a crash ours may be the newer copy.
    const restored = remembered !== null && (saved === null || remembered.edits > saved.draft.edits);
    if (restored) this.draft = remembered;
    const cut = await this.read(at);
    const { summary, turns } = this.conversation().session.session;
    this.watch(services);
    const runId = saved?.runId ?? services.forks.newRunId();
    this.around.titled(`Fork: ${oneLine(summary.title, 40)}`);
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
    const { forks } = await this.around.services();
    const reading = forkRequestOf(draft, this.locate(draft.at).recordedPrompt);
    if (!reading.request) return { preview: null, problems: reading.problems };
    try {
      return { preview: previewTexts(await forks.preview(reading.request), draft), problems: [] };
    } catch (error) {
      return { preview: null, problems: [problemOf(error, draft)] };
    }
  }

  async models(): Promise<Result<'models'>> {
    const { sessions, models } = await this.around.services();
    const { turns } = this.conversation().session.session;
    const others = await sessions.list({ limit: 200 });
    let listed: string[] = [];
    let note = '';
    try {
      if (this.around.trusted()) listed = (await (await models('anthropic')).listModels()).map(({ id }) => id);
    } catch (error) {
      // The list is a convenience: without a key or a network the box still takes any id.
      note =
        error instanceof ForkpointError && error.code === 'authentication'
          ? ''
          : 'The API’s models can’t be listed now.';
    }
    return {
      models: modelChoices([
        ...this.nearModels(turns),
        { source: 'other sessions', ids: others.flatMap((session) => session.models) },
        { source: 'API', ids: listed },
      ]),
      note,
    };
  }

  async engines(): Promise<Result<'engines'>> {
    return { engines: await this.engineStates() };
  }

  async startTemporal(): Promise<Result<'startTemporal'>> {
    this.requireTrust();
    const { temporal } = await this.around.services();
    return { engines: engineStates(await temporal.startServer()) };
  }

  async dispatch({ runId, draft }: Params<'dispatch'>): Promise<Result<'dispatch'>> {
    this.requireTrust();
    const { forks } = await this.around.services();
    await this.take(draft);
    const reading = forkRequestOf(draft, this.locate(draft.at).recordedPrompt);
    if (!reading.request) return { run: null, problems: reading.problems };
    // A second click, or a click after a reload, finds the run there and asks nothing again.
    if ((await this.runs.follow(runId)) === null) {
      const preview = await forks.preview(reading.request);
      if (preview.billed && !(await this.around.confirm(preview))) return { run: null, problems: [] };
      await forks.dispatch(reading.request, runId);
      await this.around.drafts.forget(draft.session, draft.at);
    }
    return { run: await this.runs.follow(runId), problems: [] };
  }

  async cancel({ runId, branchId }: Params<'cancel'>): Promise<Result<'cancel'>> {
    await (await this.around.services()).forks.cancel(runId, branchId ?? undefined);
    return {};
  }

  async retry({ runId }: Params<'retry'>): Promise<Result<'retry'>> {
    this.requireTrust();
    await this.around.runAgain('retry', runId);
    return {};
  }

  async resume({ runId }: Params<'resume'>): Promise<Result<'resume'>> {
    this.requireTrust();
    await this.around.runAgain('resume', runId);
    return {};
  }

  async compare({ runId, branchId }: { runId: RunId; branchId: BranchId | null }): Promise<Result<'compare'>> {
    if (branchId === null) await this.around.openComparison(runId);
    else await this.around.openComparison(runId, branchId);
    return {};
  }

  async newRun(): Promise<Result<'newRun'>> {
    this.runs.stop();
    return { runId: (await this.around.services()).forks.newRunId() };
  }

  async remember({ draft }: Params<'remember'>): Promise<Result<'remember'>> {
    await this.take(draft);
    await this.around.drafts.keep(draft);
    return {};
  }

  async startOver({ at }: Params<'startOver'>): Promise<Result<'startOver'>> {
    await this.around.drafts.forget(this.draft.session, at);
    this.draft = newDraft(this.draft.session, at, this.around.defaultEngine());
    return { draft: this.draft };
  }

  async openLink({ href }: Params<'openLink'>): Promise<Result<'openLink'>> {
    if (!/^https?:\/\//i.test(href)) {
      throw new BadInputError(
        'Only web addresses can be opened from a recording.',
        'Copy the text if you need the address.',
      );
    }
    await this.around.openLink(href);
    return {};
  }

  dispose(): void {
    this.disposed = true;
    this.runs.dispose();
    for (const watch of this.watches.splice(0)) watch.dispose();
  }

  /** What the panel shows now; where its cut has moved nothing is kept at the old place. */
  private async take(draft: ForkDraft): Promise<void> {
    const old = this.draft;
    this.draft = draft;
    if (JSON.stringify(draft.at) === JSON.stringify(old.at)) return;
    this.around.cutMoved();
    await this.around.drafts.forget(old.session, old.at);
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
      { source: 'settings', ids: this.around.offeredModels() },
      { source: 'this fork', ids: this.draft.branches.map(({ model }) => model) },
    ];
  }

  /** Reads the session and finds the cut in it. */
  private async read(at: ForkPoint): Promise<Cut> {
    const { sessions } = await this.around.services();
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
      this.around.tell('conversation', {
        rows: this.conversation().conversation.rows.length,
        gone: cut === null,
        cut,
      });
    }
    this.reading = false;
  }

  private async engineStates(): Promise<EngineState[]> {
    if (!this.around.trusted()) return engineStates('untrusted');
    try {
      return engineStates(await (await this.around.services()).temporal.status());
    } catch (error) {
      // A broken profile of Temporal's must not keep anybody from running in this window.
      return engineStates(shownError(error));
    }
  }

  private requireTrust(): void {
    if (this.around.trusted()) return;
    throw new BadInputError(
      'Runs start only in a trusted workspace.',
      'Trust this workspace (Workspaces: Manage Workspace Trust), then run the fork.',
    );
  }
}

/** An error of planning, at the field that it is about. */
function problemOf(error: unknown, draft: ForkDraft): FieldProblem {
  if (!(error instanceof ForkpointError)) throw error;
  const message = messageWithHint(error);
  if (error instanceof ForkPointError || error instanceof NotFoundError) return { field: 'cut', message };
  const path = (error.details as { path?: unknown } | undefined)?.path;
  if (typeof path === 'string') return { field: fieldOfPath(path.split('.').map(indexOrName), draft), message };
  return { field: 'run', message };
}

const indexOrName = (part: string) => (/^\d+$/.test(part) ? Number(part) : part);
