import { ForkPointError, ForkpointError, NotFoundError } from '../../core/errors.ts';
import type { ForkRequest } from '../../core/fork/forkRequest.ts';
import { messageWithHint } from '../../core/format.ts';
import type { ForkPreview } from '../../core/useCases/forkService.ts';
import { blockedByTrust } from './answerers.ts';
import { fieldOfPath, forkRequestOf } from './forkRequestOf.ts';
import type { PanelAgents } from './panelAgents.ts';
import type { PanelContext } from './panelContext.ts';
import type { Blocked, FieldProblem, ForkDraft } from './protocol.ts';

/** A draft’s plan in numbers, its problems, or the reason why nothing can answer it. */
export interface DraftPlan {
  request: ForkRequest | null;
  preview: ForkPreview | null;
  problems: FieldProblem[];
  blocked: Blocked | null;
}

/** Plans drafts without storing, starting or sending anything. */
export class DraftPlanner {
  readonly #context: Pick<PanelContext, 'services' | 'agentDefaults' | 'trusted'>;
  readonly #agents: PanelAgents;

  constructor(context: Pick<PanelContext, 'services' | 'agentDefaults' | 'trusted'>, agents: PanelAgents) {
    this.#context = context;
    this.#agents = agents;
  }

  async plan(draft: ForkDraft, recordedPrompt: string | null): Promise<DraftPlan> {
    const executor = await this.#agents.executorOf(draft);
    const { request, problems } = forkRequestOf(draft, recordedPrompt, { ...this.#context.agentDefaults(), executor });
    const nothing = { request: null, preview: null, problems, blocked: null };
    if (!request) return nothing;
    if (executor === 'claude-code' && !this.#context.trusted()) return { ...nothing, blocked: blockedByTrust };
    try {
      const preview = await (await this.#context.services()).forks.preview(request);
      const blocked = await this.#agents.blockedOf(preview);
      return { request, preview, problems: this.#agents.bypassProblem(preview, draft), blocked };
    } catch (error) {
      if (!(error instanceof ForkpointError)) throw error;
      const blocked = await this.#agents.blockedByError(error);
      return blocked ? { ...nothing, blocked } : { ...nothing, problems: [problemOf(error, draft)] };
    }
  }
}

/** An error of planning, at the field that it is about. */
function problemOf(error: ForkpointError, draft: ForkDraft): FieldProblem {
  const message = messageWithHint(error);
  if (error instanceof ForkPointError || error instanceof NotFoundError) return { field: 'cut', message };
  const path = (error.details as { path?: unknown } | undefined)?.path;
  if (typeof path === 'string') return { field: fieldOfPath(path.split('.').map(indexOrName), draft), message };
  return { field: 'run', message };
}

const indexOrName = (part: string) => (/^\d+$/.test(part) ? Number(part) : part);
