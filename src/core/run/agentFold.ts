import type { BranchId } from '../ids.ts';
import type { BranchEvent } from './branchEvent.ts';
import type { BranchToolCall } from './branchOutcome.ts';
import type { BranchView } from './runView.ts';

type EventOfBranch = Extract<BranchEvent, { branchId: BranchId }>;

/** The part of a branch's view that only branches answered by Claude Code fill. */
export type AgentView = Pick<
  BranchView,
  | 'sessionId'
  | 'place'
  | 'prefix'
  | 'files'
  | 'commits'
  | 'checks'
  | 'setup'
  | 'questions'
  | 'inDoubt'
  | 'denied'
  | 'changeSet'
  | 'toolResults'
  | 'subagentSteps'
>;

interface ProcessCost {
  /** US dollars as Claude Code reports them, null where it reports none. */
  reported: number | null;
  /** The same of each reply, subagents' included, by tokens and price. */
  priced: (number | null)[];
  /** It came to the end of its prompt, or said what it had cost till then. */
  isOver: boolean;
}

/** Folds the events of an agent. */
export class AgentFold {
  readonly #view: AgentView = {
    sessionId: null,
    place: null,
    prefix: null,
    files: [],
    commits: [],
    checks: [],
    setup: [],
    questions: [],
    inDoubt: [],
    denied: [],
    changeSet: null,
    toolResults: {},
    subagentSteps: 0,
  };
  readonly notes: string[] = [];
  /** Calls that a person was asked about and never allowed, by what became of them. */
  readonly #notAllowed = new Map<string, 'waiting' | 'denied' | 'none'>();
  waiting: { for: 'limit' | 'retry'; until: string | null } | null = null;
  /** What each process that a prompt was sent to has cost. */
  readonly #processes: ProcessCost[] = [];
  readonly #stepsSeen = new Set<number>();
  #isAtWork = false;

  apply(event: EventOfBranch): void {
    const view = this.#view;
    if (event.type !== 'agent-waiting') this.waiting = null;
    switch (event.type) {
      case 'place-ready':
        view.place = event.place;
        view.sessionId = event.sessionId;
        this.#note(...event.notes);
        break;
      case 'setup-ended':
        // A command that runs again replaces what it said before.
        view.setup = [...view.setup.filter(({ name }) => name !== event.result.name), event.result];
        break;
      case 'prompt-sent':
        // What an earlier process asked for, nobody waits for any more.
        this.#closeQuestions();
        view.inDoubt.push(...event.inDoubt);
        this.#isAtWork = true;
        this.#processes.push({ reported: null, priced: [], isOver: false });
        break;
      case 'step-completed': {
        const { step, costUsd } = event.result;
        // The same event may stand twice in the log.
        if (!this.#stepsSeen.has(step)) this.#processes.at(-1)?.priced.push(costUsd);
        this.#stepsSeen.add(step);
        break;
      }
      case 'tool-result':
        view.toolResults[event.callId] = { result: event.result, isError: event.isError };
        break;
      case 'subagent-step':
        view.subagentSteps += 1;
        if (event.costUsd !== undefined) this.#processes.at(-1)?.priced.push(event.costUsd);
        break;
      case 'call-denied':
        this.#notAllowed.set(event.callId, 'denied');
        view.denied.push({ callId: event.callId, tool: event.tool, message: event.message });
        break;
      case 'question-asked':
      case 'question-answered':
      case 'question-withdrawn':
        this.#question(event);
        break;
      case 'agent-waiting':
        this.waiting = { for: event.for, until: event.until };
        break;
      case 'prefix-measured':
        view.prefix = event.prefix;
        break;
      case 'agent-turn-ended': {
        const process = this.#processes.at(-1);
        const isOver = event.kind !== 'timeout' || event.costUsd !== null;
        if (process !== undefined) Object.assign(process, { reported: event.costUsd, isOver });
        break;
      }
      case 'files-changed':
        view.files = event.files;
        view.commits = event.commits;
        view.changeSet = event.changes;
        this.#note(...event.notes);
        break;
      case 'check-ended':
        // A check that runs again replaces what it said before.
        view.checks = [...view.checks.filter(({ name }) => name !== event.result.name), event.result];
        break;
      case 'branch-note':
        this.#note(event.text);
        break;
      case 'branch-ended':
      case 'branch-reset':
        this.#closeQuestions();
        this.#isAtWork = false;
        break;
      default:
        break;
    }
  }

  view(): AgentView {
    return this.#view;
  }

  /** The call with what became of it. */
  answered(call: BranchToolCall): BranchToolCall {
    const answer = this.#notAllowed.get(call.id);
    // One that a hook or a setting let through while a person was asked has a result all the same.
    const passed = answer === undefined || (answer === 'none' && call.id in this.#view.toolResults);
    return passed ? call : { ...call, answer };
  }

  /**
   * Dollars of each process, null where that isn't known; undefined where no prompt was sent. What Claude Code reports counts
   * before what its replies are priced at; of a prompt that was broken off, or whose process was lost, it reports nothing.
   */
  costs(): (number | null)[] | undefined {
    if (this.#processes.length === 0) return undefined;
    return this.#processes.flatMap(({ reported, priced }) => (reported === null ? priced : [reported]));
  }

  /** A process was lost, or ended by force, in the middle of a prompt: it may have sent what nobody heard the price of. */
  get lostProcess(): boolean {
    const last = this.#isAtWork ? this.#processes.length - 1 : this.#processes.length;
    return this.#processes.slice(0, last).some(({ isOver }) => !isOver);
  }

  #question(event: Extract<EventOfBranch, { type: `question-${string}` }>): void {
    if (event.type === 'question-answered') {
      this.#close(event.callId, event.answer.behavior === 'deny' ? 'denied' : null);
    } else if (event.type === 'question-withdrawn') {
      if (this.#notAllowed.get(event.callId) === 'waiting') this.#close(event.callId, 'none');
    } else {
      const { questions } = this.#view;
      this.#notAllowed.set(event.question.callId, 'waiting');
      if (!questions.some(({ callId }) => callId === event.question.callId)) questions.push(event.question);
    }
  }

  #closeQuestions(): void {
    for (const { callId } of this.#view.questions) this.#close(callId, 'none');
  }

  /** @param became null: it was allowed */
  #close(callId: string, became: 'denied' | 'none' | null): void {
    this.#view.questions = this.#view.questions.filter((question) => question.callId !== callId);
    if (became === null) this.#notAllowed.delete(callId);
    else this.#notAllowed.set(callId, became);
  }

  #note(...texts: string[]): void {
    for (const text of texts) if (!this.notes.includes(text)) this.notes.push(text);
  }
}
