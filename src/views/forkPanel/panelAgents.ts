import type { FoundAgent } from '../../core/agent/agentPorts.ts';
import type { Executor } from '../../core/agent/agentSettings.ts';
import type { ForkpointError } from '../../core/errors.ts';
import type { AgentRuns } from '../../core/useCases/agentRuns.ts';
import type { ForkPreview } from '../../core/useCases/forkService.ts';
import { bypassOnlyApart } from '../agentTexts.ts';
import { type AgentKnowledge, answerers, blockedByError, blockedOf } from './answerers.ts';
import { mayBypass } from './previewTexts.ts';
import type { Blocked, FieldProblem, ForkDraft, Result } from './protocol.ts';

/** What finding out who answers needs. */
export interface AgentContext {
  agents(): Promise<Pick<AgentRuns, 'find'>>;
  /** Who was chosen last in any fork, null where nobody was. */
  lastExecutor(): Executor | null;
  keepExecutor(executor: Executor): void;
  /** The offline demo model answers: nobody is to be surprised by an agent there. */
  demo(): boolean;
  /** No process before the workspace is trusted. */
  trusted(): boolean;
  hasApiKey(): Promise<boolean>;
  /** Everything runs inside a container. */
  inContainer(): boolean;
  /** Asks the person whether agents may go on without asking, after saying what that means. */
  allowBypass(): Promise<boolean>;
}

/** Who answers the forks of one panel, and what may keep them from it. */
export class PanelAgents {
  readonly #context: AgentContext;
  #looking: Promise<FoundAgent | null> | null = null;
  #bypassAllowed = false;

  constructor(context: AgentContext) {
    this.#context = context;
  }

  /** Before anybody has looked: what is probable, so that nothing jumps a moment later. */
  first(): Pick<Result<'open'>, 'executor' | 'answerers'> {
    const trusted = this.#context.trusted();
    return {
      executor: trusted && this.#wanted() === 'claude-code' ? 'claude-code' : 'api',
      answerers: answerers(trusted ? 'asking' : 'untrusted'),
    };
  }

  async look(): Promise<Result<'answerers'>> {
    this.#looking = null;
    return { executor: await this.#default(), answerers: answerers(await this.knowledge()) };
  }

  /** Who answers this draft: whom the person chose, else whom was chosen last, else who is there. */
  async executorOf({ executor }: Pick<ForkDraft, 'executor'>): Promise<Executor> {
    return executor ?? (await this.#default());
  }

  async knowledge(): Promise<AgentKnowledge> {
    if (!this.#context.trusted()) return 'untrusted';
    this.#looking ??= this.#context.agents().then((agents) => agents.find());
    return this.#looking;
  }

  async blockedOf(preview: ForkPreview): Promise<Blocked | null> {
    return blockedOf(preview, await this.#context.hasApiKey(), await this.knowledge());
  }

  async blockedByError(error: ForkpointError): Promise<Blocked | null> {
    return blockedByError(error, await this.knowledge());
  }

  /** Agents go on without asking only where they are shut in, and after the person has agreed to it in this panel. */
  bypassProblem({ agent }: ForkPreview, { permissions }: ForkDraft): FieldProblem[] {
    if (agent === null || permissions !== 'bypass') return [];
    const field = 'permissions';
    if (!mayBypass(agent, this.#context.inContainer())) return [{ field, message: bypassOnlyApart }];
    return this.#bypassAllowed ? [] : [{ field, message: 'Choose it again: it is asked for in every panel anew.' }];
  }

  async allowBypass(): Promise<boolean> {
    this.#bypassAllowed ||= await this.#context.allowBypass();
    return this.#bypassAllowed;
  }

  /** Remembers a choice that the person has made just now. */
  chosen({ executor }: ForkDraft, before: ForkDraft): void {
    if (executor !== null && executor !== before.executor) this.#context.keepExecutor(executor);
  }

  #wanted(): Executor {
    return this.#context.lastExecutor() ?? (this.#context.demo() ? 'api' : 'claude-code');
  }

  async #default(): Promise<Executor> {
    if (this.#wanted() === 'api') return 'api';
    const found = await this.knowledge();
    return found === null || typeof found === 'string' ? 'api' : 'claude-code';
  }
}
