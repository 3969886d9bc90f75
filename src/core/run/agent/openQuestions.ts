import type { Answer, Question } from '../../agent/agentFacts.ts';
import type { AgentBranchRef } from '../../agent/agentPorts.ts';
import { isForPerson, permissionKey } from '../../agent/permissionPolicy.ts';
import type { Disposable } from '../../disposable.ts';
import type { BranchId } from '../../ids.ts';
import type { GivenAnswer, RunStore } from '../ports.ts';

type Call = Pick<Question, 'tool' | 'input'>;

const keyOf = ({ tool, input }: Call): string =>
  permissionKey(tool, input !== null && typeof input === 'object' ? { ...input } : {});

/** The questions of one branch that wait for a person, and what was allowed for longer than one call. */
export class OpenQuestions implements Disposable {
  readonly #branchId: BranchId;
  readonly #watching: Disposable;
  readonly #given: GivenAnswer[] = [];
  readonly #waiting = new Map<string, { question: Question; resolve: (answer: Answer) => void }>();
  /** What was asked, by branch and call: an answer names the call only. */
  readonly #asked: (branchId: BranchId, callId: string) => Promise<Call | null>;
  readonly #allowed = new Set<string>();

  constructor(ref: AgentBranchRef, runs: RunStore) {
    this.#branchId = ref.branchId;
    this.#asked = async (branchId, callId) => {
      const events = await runs.events(ref.runId);
      const asked = events.findLast(
        (event) => event.type === 'question-asked' && event.branchId === branchId && event.question.callId === callId,
      );
      return asked?.type === 'question-asked' ? asked.question : null;
    };
    this.#watching = runs.onAnswered(ref.runId, (given) => void this.#take(given));
  }

  /** Was such a call allowed for the branch or the run before? */
  allows(call: Call): boolean {
    return !isForPerson(call.tool) && this.#allowed.has(keyOf(call));
  }

  /** Resolves with the answer; rejects with the signal's reason. */
  wait(question: Question, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(question.callId);
        reject(signal.reason);
      };
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      const resolveOnce = (answer: Answer): void => {
        this.#waiting.delete(question.callId);
        signal.removeEventListener('abort', onAbort);
        resolve(answer);
      };
      this.#waiting.set(question.callId, { question, resolve: resolveOnce });
      // The answer may have come between the question's event and this.
      const given = this.#given.find(
        ({ branchId, callId }) => branchId === this.#branchId && callId === question.callId,
      );
      if (given !== undefined) resolveOnce(given.answer);
    });
  }

  dispose(): void {
    this.#watching.dispose();
  }

  async #take(given: GivenAnswer): Promise<void> {
    this.#given.push(given);
    const { branchId, callId, answer } = given;
    const own = branchId === this.#branchId;
    if (own) this.#waiting.get(callId)?.resolve(answer);
    if (answer.behavior !== 'allow' || answer.scope === 'call' || (answer.scope === 'branch' && !own)) return;
    const call = await this.#asked(branchId, callId).catch(() => null);
    if (call === null) return;
    this.#allowed.add(keyOf(call));
    // The same call may be waiting already, here or in another branch.
    for (const { question, resolve } of this.#waiting.values()) {
      if (this.allows(question)) resolve({ behavior: 'allow', scope: 'call' });
    }
  }
}
