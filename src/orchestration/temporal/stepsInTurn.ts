import type { StepResult } from '../../core/run/branchOutcome.ts';
import type { ModelCall } from '../../core/run/callModel.ts';
import { unlessAborted } from '../../core/unlessAborted.ts';

/**
 * Makes the calls of one step one after the other. A server that takes a call for lost (this machine slept, the network was gone, its
 * database is another) hands it out again, while the first one is still under way here: what comes of that one is the answer.
 */
export class StepsInTurn {
  readonly #underWay = new Map<string, Promise<StepResult>>();

  /** @throws what the call throws, or the signal's reason */
  async run(call: ModelCall, signal: AbortSignal, ask: () => Promise<StepResult>): Promise<StepResult> {
    const key = `${call.runId} ${call.branchId} ${call.step}`;
    for (let before = this.#underWay.get(key); before !== undefined; before = this.#underWay.get(key)) {
      const result = await unlessAborted(
        before.catch(() => null),
        signal,
      );
      if (result !== null) return result;
    }
    const asked = ask();
    this.#underWay.set(key, asked);
    try {
      return await asked;
    } finally {
      if (this.#underWay.get(key) === asked) this.#underWay.delete(key);
    }
  }
}
