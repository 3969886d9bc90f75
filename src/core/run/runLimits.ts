import * as z from 'zod';
import { BadInputError } from '../errors.ts';
import type { ForkPlan } from '../fork/forkPlan.ts';

/** What of a run's limits is to change while it runs; what is left out stays. */
export const limitChangeSchema = z
  .strictObject({
    /** US dollars, null for none. */
    budgetUsd: z.number().positive().nullable().optional(),
    /** Per branch, from its start. */
    timeoutSeconds: z.number().positive().max(86_400).optional(),
    /** Agents that work at once. */
    concurrency: z.int().positive().max(32).optional(),
  })
  .refine((change) => Object.keys(change).length > 0, { message: 'Nothing is to change.' });
export type LimitChange = z.infer<typeof limitChangeSchema>;

/** @throws BadInputError where the run has no such limit */
export function checkLimitChange(plan: Pick<ForkPlan, 'agent'>, change: LimitChange): void {
  if (change.concurrency === undefined || plan.agent !== null) return;
  throw new BadInputError(
    'The branches of this run send requests, which all leave at once.',
    'The concurrency can be changed of runs that Claude Code answers.',
  );
}

/** The plan with the changed limits. */
export function withLimits(plan: ForkPlan, { budgetUsd, timeoutSeconds, concurrency }: LimitChange): ForkPlan {
  return {
    ...plan,
    ...(budgetUsd !== undefined && { budgetUsd }),
    ...(timeoutSeconds !== undefined && { timeoutSeconds }),
    agent: plan.agent && { ...plan.agent, concurrency: concurrency ?? plan.agent.concurrency },
  };
}

/** The limits of a run under way, which its branches follow as they change. */
export class RunLimits {
  budgetUsd: number | null;
  timeoutSeconds: number;
  /** Resolves at the next change. */
  changed: Promise<void>;
  #announce = (): void => {};

  constructor({ budgetUsd, timeoutSeconds }: Pick<ForkPlan, 'budgetUsd' | 'timeoutSeconds'>) {
    this.budgetUsd = budgetUsd;
    this.timeoutSeconds = timeoutSeconds;
    this.changed = this.#next();
  }

  change({ budgetUsd = this.budgetUsd, timeoutSeconds = this.timeoutSeconds }: LimitChange): void {
    this.budgetUsd = budgetUsd;
    this.timeoutSeconds = timeoutSeconds;
    const announce = this.#announce;
    this.changed = this.#next();
    announce();
  }

  /** What is left of a branch’s time, in milliseconds; not positive where it is up. @param elapsedMs that it has taken so far */
  leftMs(elapsedMs: number): number {
    return this.timeoutSeconds * 1000 - elapsedMs;
  }

  /**
   * Resolves when a branch’s time limit has passed.
   * @param elapsedMs time that the branch has taken so far, in milliseconds
   * @param sleep rejects once nobody waits any more
   */
  async timeIsUp(elapsedMs: () => number, sleep: (ms: number, until: Promise<void>) => Promise<void>): Promise<void> {
    for (;;) {
      const leftMs = this.leftMs(elapsedMs());
      if (leftMs <= 0) return;
      await sleep(leftMs, this.changed);
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#announce = resolve;
    });
  }
}
