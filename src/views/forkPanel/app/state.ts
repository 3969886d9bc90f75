import type { Executor } from '../../../core/agent/agentSettings.ts';
import type { Effort } from '../../../core/api/modelFacts.ts';
import type { RunId } from '../../../core/ids.ts';
import type {
  Answerer,
  Blocked,
  BranchDraft,
  Cut,
  EngineState,
  FieldProblem,
  ForkDraft,
  ModelChoice,
  PreviewTexts,
  Result,
  RunProgress,
  SavedPanel,
  ShownError,
} from '../protocol.ts';
import { addRow, duplicateRow, moveRow, promptRows, varyRows } from './branchRows.ts';

export type VaryKind = 'models' | 'prompts' | 'efforts';

/** Everything that the panel shows once its session is open. */
export interface ReadyState {
  phase: 'ready';
  title: string;
  rows: number;
  /** Grows when the recording was read anew: rows known so far are stale. */
  readings: number;
  gone: boolean;
  cut: Cut;
  draft: ForkDraft;
  /** Counts the changes that matter to the request. A preview belongs to one revision. */
  revision: number;
  runId: RunId;
  restored: boolean;
  recordedModel: string | null;
  models: ModelChoice[];
  modelsNote: string;
  engines: EngineState[];
  /** Who answers where the draft doesn't say. */
  executor: Executor;
  answerers: Answerer[];
  preview: PreviewTexts | null;
  problems: FieldProblem[];
  /** Why nothing could answer this fork, null where something can. */
  blocked: Blocked | null;
  /** Revision that `preview`, `problems` and `blocked` are about. */
  previewOf: number;
  dispatching: boolean;
  run: RunProgress | null;
  notice: ShownError | null;
  vary: VaryKind | null;
}

export type PanelState = { phase: 'loading' } | { phase: 'failed'; error: ShownError } | ReadyState;

export type Action =
  | { type: 'opened'; result: Result<'open'> }
  | { type: 'openFailed'; error: ShownError }
  | { type: 'edit'; change: Partial<Omit<ForkDraft, 'edits' | 'session' | 'at' | 'branches'>> }
  | { type: 'editBranch'; key: string; change: Partial<Omit<BranchDraft, 'key'>> }
  | { type: 'unfold'; key: string; part: BranchDraft['open'][number] }
  | { type: 'addBranch' }
  | { type: 'duplicateBranch'; key: string }
  | { type: 'removeBranch'; key: string }
  | { type: 'moveBranch'; key: string; by: -1 | 1 }
  | { type: 'showVary'; kind: VaryKind | null }
  /** Null is the recorded model. */
  | { type: 'varyModel'; model: string | null; name: string; on: boolean }
  | { type: 'varyEffort'; effort: Effort; on: boolean }
  | { type: 'addPrompts'; prompts: string[] }
  | { type: 'cutMoved'; cut: Cut }
  | { type: 'conversationChanged'; rows: number; gone: boolean; cut: Cut | null }
  | { type: 'previewed'; revision: number; result: Result<'preview'> }
  | { type: 'modelsListed'; result: Result<'models'> }
  | { type: 'enginesRead'; engines: EngineState[] }
  | { type: 'answerersRead'; result: Result<'answerers'> }
  | { type: 'dispatching' }
  | { type: 'dispatched'; result: Result<'dispatch'> }
  | { type: 'runTold'; run: RunProgress }
  | { type: 'newRun'; runId: RunId }
  | { type: 'startedOver'; draft: ForkDraft }
  | { type: 'failed'; error: ShownError }
  | { type: 'dismissNotice' };

/** The panel's state after an action. Pure; whatever must be asked of the host follows from comparing the two states. */
export function reduce(state: PanelState, action: Action): PanelState {
  if (action.type === 'opened') return openedState(action.result);
  if (action.type === 'openFailed') return { phase: 'failed', error: action.error };
  if (state.phase !== 'ready') return state;
  return reduceReady(state, action);
}

function openedState({ draft, ...result }: Result<'open'>): ReadyState {
  return {
    phase: 'ready',
    ...result,
    readings: 0,
    gone: false,
    draft,
    revision: 1,
    modelsNote: '',
    preview: null,
    problems: [],
    blocked: null,
    previewOf: 0,
    dispatching: false,
    notice: null,
    vary: null,
  };
}

type ReadyAction = Exclude<Action, { type: 'opened' | 'openFailed' }>;

function reduceReady(state: ReadyState, action: ReadyAction): ReadyState {
  switch (action.type) {
    case 'conversationChanged':
    case 'previewed':
    case 'modelsListed':
    case 'enginesRead':
    case 'answerersRead':
    case 'dispatching':
    case 'dispatched':
    case 'runTold':
    case 'newRun':
    case 'startedOver':
    case 'failed':
      return heard(state, action);
    case 'dismissNotice':
      return { ...state, notice: null, restored: false };
    case 'showVary':
      return { ...state, vary: state.vary === action.kind ? null : action.kind };
    case 'unfold':
      return { ...state, draft: { ...state.draft, branches: unfolded(state.draft.branches, action) } };
    case 'edit':
    case 'editBranch':
    case 'addBranch':
    case 'duplicateBranch':
    case 'removeBranch':
    case 'moveBranch':
    case 'varyModel':
    case 'varyEffort':
    case 'addPrompts':
    case 'cutMoved':
      // A run that was dispatched is not edited any more.
      return state.run || state.dispatching ? state : edited(state, action);
  }
}

type HeardAction = Exclude<ReadyAction, EditAction | { type: 'dismissNotice' | 'showVary' | 'unfold' }>;

/** What came from the host. */
function heard(state: ReadyState, action: HeardAction): ReadyState {
  const revision = state.revision + 1;
  switch (action.type) {
    case 'conversationChanged': {
      const { rows, gone } = action;
      return { ...state, rows, gone, cut: action.cut ?? state.cut, readings: state.readings + 1, revision };
    }
    case 'previewed':
      // An answer that was overtaken by typing is dropped: the next one is under way.
      if (action.revision !== state.revision) return state;
      return { ...state, ...withLastPreview(state, action.result), previewOf: action.revision };
    case 'modelsListed':
      return { ...state, models: action.result.models, modelsNote: action.result.note };
    case 'enginesRead':
      return { ...state, engines: action.engines };
    case 'answerersRead':
      return { ...state, ...action.result, revision };
    case 'dispatching':
      return { ...state, dispatching: true, notice: null };
    case 'dispatched': {
      const { run, problems } = action.result;
      return { ...state, dispatching: false, run: run ?? state.run, problems, vary: null };
    }
    case 'runTold':
      return action.run.runId === state.runId ? { ...state, run: action.run } : state;
    case 'newRun':
      return { ...state, runId: action.runId, run: null, revision };
    case 'startedOver':
      return { ...state, draft: action.draft, restored: false, vary: null, revision };
    case 'failed':
      return { ...state, dispatching: false, notice: action.error };
  }
}

/** While a field is wrong the last good preview stays, greyed, so that nothing jumps. */
function withLastPreview(state: ReadyState, { preview, problems, blocked }: Result<'preview'>) {
  const executor = preview !== null && state.draft.executor === null ? preview.executor : state.executor;
  return { preview: preview ?? state.preview, problems, blocked, executor };
}

/** Who answers: whom the person chose, else who is there. */
export function executorOf({ draft, executor }: ReadyState): Executor {
  return draft.executor ?? executor;
}

type EditAction = Extract<
  ReadyAction,
  {
    type:
      | 'edit'
      | 'editBranch'
      | 'addBranch'
      | 'duplicateBranch'
      | 'removeBranch'
      | 'moveBranch'
      | 'varyModel'
      | 'varyEffort'
      | 'addPrompts'
      | 'cutMoved';
  }
>;

function edited(state: ReadyState, action: EditAction): ReadyState {
  const draft = { ...state.draft, edits: state.draft.edits + 1 };
  const revision = state.revision + 1;
  if (action.type === 'cutMoved') {
    return { ...state, revision, cut: action.cut, draft: { ...draft, at: action.cut.at } };
  }
  if (action.type === 'edit') return { ...state, revision, draft: { ...draft, ...action.change } };
  return { ...state, revision, draft: { ...draft, branches: editedBranches(state, action) } };
}

function editedBranches(state: ReadyState, action: Exclude<EditAction, { type: 'edit' | 'cutMoved' }>): BranchDraft[] {
  const { branches } = state.draft;
  switch (action.type) {
    case 'editBranch':
      return branches.map((branch) => (branch.key === action.key ? { ...branch, ...action.change } : branch));
    case 'addBranch':
      return addRow(branches, `branch ${branches.length + 1}`, {});
    case 'duplicateBranch':
      return duplicateRow(branches, action.key);
    case 'removeBranch':
      return branches.filter(({ key }) => key !== action.key);
    case 'moveBranch':
      return moveRow(branches, action.key, action.by);
    case 'varyModel':
      return varyRows(branches, action.name, { model: action.model }, action.on);
    case 'varyEffort':
      return varyRows(branches, `${action.effort} effort`, { effort: action.effort }, action.on);
    case 'addPrompts':
      return promptRows(branches, action.prompts);
  }
}

function unfolded(
  branches: BranchDraft[],
  { key, part }: { key: string; part: BranchDraft['open'][number] },
): BranchDraft[] {
  return branches.map((branch) => {
    if (branch.key !== key) return branch;
    const open = branch.open.includes(part) ? branch.open.filter((other) => other !== part) : [...branch.open, part];
    return { ...branch, open };
  });
}

export type Primary = { act: 'run' | 'cancel' | 'resume' | 'retry' | 'compare'; label: string; enabled: boolean };

/** What the one primary button does now. */
export function primaryOf(state: ReadyState): Primary {
  const { run } = state;
  if (!run) {
    const clear = state.problems.length === 0 && state.blocked === null;
    const upToDate = state.previewOf === state.revision && clear && state.preview !== null;
    return {
      act: 'run',
      label: state.preview?.runLabel ?? 'Run',
      enabled: upToDate && !state.dispatching && !state.gone,
    };
  }
  if (run.interrupted) return { act: 'resume', label: 'Resume', enabled: true };
  if (isLive(run)) return { act: 'cancel', label: 'Cancel', enabled: true };
  if (!run.branches.some(({ state: ended, tail }) => ended === 'completed' || tail !== '')) {
    return { act: 'retry', label: 'Retry Failed', enabled: true };
  }
  return { act: 'compare', label: 'Compare', enabled: true };
}

export function isLive(run: RunProgress): boolean {
  return !run.interrupted && (run.state === 'pending' || run.state === 'running');
}

/** What the webview keeps, so that hiding, reloading and restarting lose nothing. */
export function savedPanel({ draft, runId }: ReadyState): SavedPanel {
  return { version: 1, draft, runId };
}
