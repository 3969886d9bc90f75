import type { BranchId } from '../ids.ts';
import type { BranchEvent } from './branchEvent.ts';

interface ProcessCost {
  /** US dollars as Claude Code reports them, null where it reports none. */
  reported: number | null;
  /** The same of each reply, subagents' included, by tokens and price. */
  priced: (number | null)[];
  /** It came to the end of its prompt, or said what it had cost till then. */
  isOver: boolean;
}

/** What the processes of an agent have cost: one for each prompt, and for each time that one was gone on with. */
export class AgentCosts {
  readonly #processes: ProcessCost[] = [];
  readonly #stepsSeen = new Set<number>();
  #isAtWork = false;

  apply(event: Extract<BranchEvent, { branchId: BranchId }>): void {
    const process = this.#processes.at(-1);
    switch (event.type) {
      case 'prompt-sent':
        this.#isAtWork = true;
        this.#processes.push({ reported: null, priced: [], isOver: false });
        break;
      case 'step-completed': {
        const { step, costUsd } = event.result;
        // The same event may stand twice in the log.
        if (!this.#stepsSeen.has(step)) process?.priced.push(costUsd);
        this.#stepsSeen.add(step);
        break;
      }
      case 'subagent-step':
        if (event.costUsd !== undefined) process?.priced.push(event.costUsd);
        break;
      case 'agent-turn-ended':
        if (process === undefined) break;
        process.reported = event.costUsd;
        process.isOver = event.kind !== 'timeout' || event.costUsd !== null;
        break;
      case 'branch-ended':
      case 'branch-reset':
        this.#isAtWork = false;
        break;
      default:
        break;
    }
  }

  /**
   * US dollars, null where a part isn't known; undefined where no prompt was sent. What Claude Code reports counts before what its replies are
   * priced at; of a prompt that was broken off, or whose process was lost, it reports nothing.
   */
  all(): (number | null)[] | undefined {
    if (this.#processes.length === 0) return undefined;
    return this.#processes.flatMap(({ reported, priced }) => (reported === null ? priced : [reported]));
  }

  /** A process was lost, or ended by force, in the middle of a prompt: it may have sent what nobody heard the price of. */
  get lostProcess(): boolean {
    const last = this.#isAtWork ? this.#processes.length - 1 : this.#processes.length;
    return this.#processes.slice(0, last).some(({ isOver }) => !isOver);
  }
}
