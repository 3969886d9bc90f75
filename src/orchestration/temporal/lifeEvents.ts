import type { BranchId, RunId } from '../../core/ids.ts';
import type { BranchEvent } from '../../core/run/branchEvent.ts';
import type { RunStore } from '../../core/run/ports.ts';

/** Beginnings and ends: what a workflow writes. */
type LifeEvent = Extract<BranchEvent, { type: 'run-started' | 'run-ended' | 'branch-started' | 'branch-ended' }>;

/** The last of them, of the run (null) and of each branch. */
type Last = Map<BranchId | null, string>;

/**
 * Writes beginnings and ends of runs and branches once. A worker that is lost after it wrote one, and before the server heard of it,
 * leaves it to be written again by its successor; so does an exchange that the server gave up. Never do two of a kind follow each other
 * otherwise: a branch that is run again belongs to a new attempt, which begins with an event of its own.
 */
export class LifeEvents {
  readonly #runs: Pick<RunStore, 'append' | 'events'>;
  readonly #last = new Map<RunId, Promise<Last>>();

  constructor(runs: Pick<RunStore, 'append' | 'events'>) {
    this.#runs = runs;
  }

  /** @param events of one run. @throws what the store throws */
  async append(runId: RunId, events: readonly BranchEvent[]): Promise<void> {
    const read = this.#last.get(runId) ?? this.#read(runId);
    this.#last.set(runId, read);
    try {
      let fresh = without(events, await read);
      // Workers of other machines may have written since, so that it only seems to be there.
      if (fresh.length < events.length) fresh = without(events, await this.#read(runId));
      for (const event of fresh) note(event, await read);
      // The store keeps the order of the calls.
      await Promise.all(fresh.map((event) => this.#runs.append(event)));
    } catch (error) {
      // What came into the log the next try finds there.
      this.#last.delete(runId);
      throw error;
    }
    if (events.some(({ type }) => type === 'run-ended')) this.#last.delete(runId);
  }

  async #read(runId: RunId): Promise<Last> {
    const last: Last = new Map();
    for (const event of await this.#runs.events(runId)) note(event, last);
    return last;
  }
}

/** Those that are not in the log already. @param log what is the last of the log */
function without(events: readonly BranchEvent[], log: Last): BranchEvent[] {
  const last = new Map(log);
  return events.filter((event) => {
    if (isOfLife(event) && last.get(whose(event)) === kindOf(event)) return false;
    note(event, last);
    return true;
  });
}

function note(event: BranchEvent, last: Last): void {
  if (event.type === 'run-started') last.clear();
  if (isOfLife(event)) last.set(whose(event), kindOf(event));
}

function isOfLife(event: BranchEvent): event is LifeEvent {
  return ['run-started', 'run-ended', 'branch-started', 'branch-ended'].includes(event.type);
}

const whose = (event: LifeEvent): BranchId | null => ('branchId' in event ? event.branchId : null);

const kindOf = (event: LifeEvent): string =>
  event.type === 'run-started' ? `${event.type} ${event.attempt}` : event.type;
