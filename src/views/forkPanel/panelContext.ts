import type { Disposable } from '../../core/disposable.ts';
import type { ForkRequest } from '../../core/fork/forkRequest.ts';
import type { EngineKind } from '../../core/fork/runChoices.ts';
import type { SessionStore } from '../../core/fork/sessionStore.ts';
import type { RunId } from '../../core/ids.ts';
import type { ModelClients } from '../../core/run/ports.ts';
import type { TemporalControl } from '../../core/run/temporalControl.ts';
import type { AgentRuns } from '../../core/useCases/agentRuns.ts';
import type { ForkPreview, ForkService } from '../../core/useCases/forkService.ts';
import type { AgentDefaults } from '../agentDefaults.ts';
import type { CutTarget } from '../commandTable.ts';
import type { DraftStore } from './draftStore.ts';
import type { AgentContext } from './panelAgents.ts';
import type { EventData, EventName, Params } from './protocol.ts';

/** The services that a fork panel works with. */
export interface PanelServices {
  sessions: SessionStore;
  forks: ForkService;
  agents: Pick<AgentRuns, 'find'>;
  models: ModelClients;
  temporal: Pick<TemporalControl, 'status' | 'startServer'>;
}

/** What one panel needs of the extension. */
export interface PanelContext extends Omit<AgentContext, 'agents'> {
  services(): Promise<PanelServices>;
  drafts: DraftStore;
  /** Tells the webview something. */
  tell<E extends EventName>(event: E, data: EventData<E>): void;
  /** Title of the editor tab. */
  titled(title: string): void;
  /** `target` is another one now. */
  cutMoved(): void;
  openComparison(runId: RunId, a?: string, b?: string): Promise<void>;
  openLink(href: string): Promise<void>;
  /** Asked before a run. The panel has shown what will be sent or started, and what it may cost. */
  confirm(preview: ForkPreview, request: ForkRequest): Promise<boolean>;
  /** What files held where the fork is cut. */
  showFiles(cut: CutTarget): Promise<void>;
  takeStep(step: Params<'takeStep'>['step']): Promise<void>;
  /** Runs again what failed or was left undone, after saying what that sends and may cost. */
  runAgain(reason: 'retry' | 'resume', runId: RunId): Promise<void>;
  /** Models named in the settings. */
  offeredModels(): string[];
  defaultEngine(): EngineKind;
  agentDefaults(): AgentDefaults;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once after `ms`. */
  later(ms: number, callback: () => void): Disposable;
}
