import type { Answer, Question } from '../../agent/agentFacts.ts';
import type { AgentBranchRef } from '../../agent/agentPorts.ts';
import { isForPerson, permissionKey } from '../../agent/permissionPolicy.ts';
import type { Disposable } from '../../disposable.ts';
import type { BranchId } from '../../ids.ts';
import type { BranchEvent } from '../branchEvent.ts';
import type { GivenAnswer, RunStore } from '../ports.ts';
import { isSameCall } from './sortOpenCalls.ts';

type Call = Pick<Question, 'tool' | 'input'>;

const keyOf = ({ tool, input }: Call): string =>
  permissionKey(tool, input !== null && typeof input === 'object' ? { ...input } : {});

/** An answer, and the earlier call that it was given to where it was not this one. */
export interface PassedAnswer {
  answer: Answer;
  givenTo?: string;
}

/** The questions of one branch that wait for a person, and what was allowed for longer than one call. */
export class OpenQuestions implements Disposable {
  readonly #branchId: BranchId;
  readonly #watching: Disposable;
  readonly #given: GivenAnswer[] = [];
  readonly #waiting = new Map<string, { question: Question; resolve: (passed: PassedAnswer) => void }>();
  /** Questions of lost processes whose answers, if they come, hold for the same call once. */
  readonly #owed: Question[];
  /** What was asked, by branch and call: an answer names the call only. */
  readonly #asked: (branchId: BranchId, callId: string) => Promise<Call | null>;
  readonly #allowed = new Set<string>();

  /** @param own the branch's events so far */
  constructor(ref: AgentBranchRef, runs: RunStore, own: readonly BranchEvent[]) {
    this.#branchId = ref.branchId;
    this.#owed = unanswered(own);
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

  /** The answer to the same call of a process that was lost before it came there, once; null where there is none. */
  takeOwed(call: Call): PassedAnswer | null {
    for (const [index, { callId, ...owed }] of this.#owed.entries()) {
      const given = isSameCall(owed, call) ? this.#answerTo(callId) : null;
      if (given === null) continue;
      this.#owed.splice(index, 1);
      return { answer: given, givenTo: callId };
    }
    return null;
  }

  /** Resolves with the answer; rejects with the signal's reason. */
  wait(question: Question, signal: AbortSignal): Promise<PassedAnswer> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(question.callId);
        reject(signal.reason);
      };
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      const resolveOnce = (passed: PassedAnswer): void => {
        this.#waiting.delete(question.callId);
        signal.removeEventListener('abort', onAbort);
        resolve(passed);
      };
      this.#waiting.set(question.callId, { question, resolve: resolveOnce });
      // The answer may have come between the question's event and this.
      const answer = this.#answerTo(question.callId);
      if (answer !== null) resolveOnce({ answer });
    });
  }

  dispose(): void {
    this.#watching.dispose();
  }

  #answerTo(asked: string): Answer | null {
    const given = this.#given.find(({ branchId, callId }) => branchId === this.#branchId && callId === asked);
    return given?.answer ?? null;
  }

  /** Passes an answer on that came to the call of a lost process when the agent had repeated it already. */
  #settleOwed(): void {
    for (const { question, resolve } of this.#waiting.values()) {
      const passed = this.takeOwed(question);
      if (passed !== null) resolve(passed);
    }
  }

  async #take(given: GivenAnswer): Promise<void> {
    this.#given.push(given);
    const { branchId, callId, answer } = given;
    const own = branchId === this.#branchId;
    if (own) this.#waiting.get(callId)?.resolve({ answer });
    if (own) this.#settleOwed();
    if (answer.behavior !== 'allow' || answer.scope === 'call' || (answer.scope === 'branch' && !own)) return;
    const call = await this.#asked(branchId, callId).catch(() => null);
    if (call === null) return;
    this.#allowed.add(keyOf(call));
    // The same call may be waiting already, here or in another branch.
    for (const { question, resolve } of this.#waiting.values()) {
      if (this.allows(question)) resolve({ answer: { behavior: 'allow', scope: 'call' } });
    }
  }
}

/** What was asked and neither answered nor withdrawn; an answer that another call was given is used up. */
function unanswered(own: readonly BranchEvent[]): Question[] {
  const closed = new Set<string | undefined>();
  for (const event of own) {
    if (event.type === 'question-answered' || event.type === 'question-withdrawn') closed.add(event.callId);
    if (event.type === 'question-answered') closed.add(event.givenTo);
  }
  const asked = own.flatMap((event) => (event.type === 'question-asked' ? [event.question] : []));
  return asked.filter(({ callId }) => !closed.has(callId));
}
