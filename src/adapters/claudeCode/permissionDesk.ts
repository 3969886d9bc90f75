import { dirname, join, resolve } from 'node:path';
import type { Answer, Question } from '../../core/agent/agentFacts.ts';
import type { AgentMessage, AgentTurnOrder, Place } from '../../core/agent/agentPorts.ts';
import { withPlan } from '../../core/agent/describeQuestion.ts';
import { inputWithAnswers, pathOf, permissionKey, permissionPolicy } from '../../core/agent/permissionPolicy.ts';
import { allowLine, denyLine, type PermissionRequest } from '../../core/agent/streamProtocol.ts';
import { isSensitivePath } from './isSensitivePath.ts';

interface DeskHooks {
  say(line: string): void;
  /** What a call was made with, undefined where that is not known. */
  inputOf(callId: string): unknown;
  onQuestion(question: Question, withdrawn: AbortSignal): Promise<Answer>;
  /** Told before the refusal is said. The message is null where a person refused. */
  onDenied(callId: string, message: Extract<AgentMessage, { type: 'denied' }> | null): void;
}

/** Answers the calls that Claude Code asks about: by the run's policy, else by asking a person. Several may wait at once. */
export class PermissionDesk {
  readonly #order: Pick<AgentTurnOrder, 'place' | 'permissions' | 'allowedCommands'>;
  readonly #hooks: DeskHooks;
  readonly #allowedBefore = new Set<string>();
  /** What Claude Code waits for, by the id of its request. */
  readonly #pending = new Map<string, AbortController>();

  constructor(order: Pick<AgentTurnOrder, 'place' | 'permissions' | 'allowedCommands'>, hooks: DeskHooks) {
    this.#order = order;
    this.#hooks = hooks;
  }

  /** Claude Code no longer waits for an answer: it decided by itself, or the call is off. */
  cancel(requestId: string): void {
    this.#pending.get(requestId)?.abort(new Error('Claude Code waits for this answer no more.'));
  }

  /** @throws what `onQuestion` throws, but for a question that was withdrawn */
  async take(asked: PermissionRequest): Promise<void> {
    const pending = new AbortController();
    this.#pending.set(asked.request_id, pending);
    try {
      await this.#answer(asked, pending.signal);
    } catch (error) {
      if (!pending.signal.aborted) throw error;
    } finally {
      this.#pending.delete(asked.request_id);
    }
  }

  async #answer({ request_id: id, request }: PermissionRequest, withdrawn: AbortSignal): Promise<void> {
    const { tool_name: tool, input } = request;
    const callId = request.tool_use_id ?? id;
    const { place, permissions, allowedCommands } = this.#order;
    const { outside, sensitive } = await placing(place, pathOf(tool, input));
    withdrawn.throwIfAborted();
    const decision = permissionPolicy(
      {
        tool,
        input,
        reason: request.decision_reason ?? null,
        sensitive: sensitive || request.decision_reason_type === 'safetyCheck',
      },
      { permissions, allowedCommands, allowedBefore: this.#allowedBefore, placePath: place.path, outside },
    );
    if (decision.kind === 'allow') return this.#hooks.say(allowLine(id, input));
    if (decision.kind === 'deny') {
      const { message } = decision;
      this.#hooks.onDenied(callId, { type: 'denied', callId, tool, input, message });
      return this.#hooks.say(denyLine(id, message));
    }
    const askedAt = new Date().toISOString();
    const shown = withPlan(tool, input, this.#hooks.inputOf(callId));
    const question = { callId, tool, input: shown, askedAt, reason: decision.reason };
    const answer = await this.#hooks.onQuestion(question, withdrawn);
    withdrawn.throwIfAborted();
    this.#pass(id, callId, tool, input, answer);
  }

  #pass(id: string, callId: string, tool: string, input: Record<string, unknown>, answer: Answer): void {
    if (answer.behavior === 'deny') {
      this.#hooks.onDenied(callId, null);
      const message = answer.message?.trim() || 'The user denied this call. Go on without it.';
      return this.#hooks.say(denyLine(id, message));
    }
    if (answer.scope !== 'call') this.#allowedBefore.add(permissionKey(tool, input));
    this.#hooks.say(allowLine(id, inputWithAnswers(input, answer)));
  }
}

/** Where a call's path lies: outside of the place, or among the files that decide what runs later. */
async function placing(place: Place, path: string | null): Promise<{ outside: string | null; sensitive: boolean }> {
  if (path === null) return { outside: null, sensitive: false };
  const root = place.toPlace(place.projectRoot);
  const file = resolve(place.path, path);
  const sensitive = isSensitivePath(root, file);
  // The place itself refuses any write to git's own folder; a person may allow it, and reading it is no write at all.
  let asked = file;
  while (isSensitivePath(root, asked) && dirname(asked) !== asked) asked = dirname(asked);
  if (sensitive || asked === root) asked = join(asked, 'x');
  return { outside: await place.refusesWrite(asked), sensitive };
}
