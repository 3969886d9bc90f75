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
  /** Calls that were not carried out so far, by what became of them. */
  readonly #notDone = new Map<string, 'open' | 'waiting' | 'denied' | 'none'>();
  waiting: { for: 'limit' | 'retry'; until: string | null } | null = null;

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
        // What an earlier process asked for or began, nobody waits for any more.
        this.#closeCalls();
        view.inDoubt.push(...event.inDoubt);
        break;
      case 'given-up':
        view.inDoubt.push(...event.inDoubt);
        break;
      case 'tools-answered':
        for (const { id, answer } of event.calls) if (answer === 'open') this.#notDone.set(id, 'open');
        break;
      case 'tool-result':
        if (this.#notDone.get(event.callId) === 'open') this.#notDone.delete(event.callId);
        view.toolResults[event.callId] = { result: event.result, isError: event.isError };
        break;
      case 'subagent-step':
        view.subagentSteps += 1;
        break;
      case 'call-denied':
        this.#notDone.set(event.callId, 'denied');
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
        this.#closeCalls();
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
    const answer = this.#notDone.get(call.id);
    // One that a hook or a setting let through while a person was asked has a result all the same.
    const passed = answer === undefined || (answer === 'none' && call.id in this.#view.toolResults);
    if (!passed) return { ...call, answer };
    return call.answer === 'open' ? { ...call, answer: 'executed' } : call;
  }

  #question(event: Extract<EventOfBranch, { type: `question-${string}` }>): void {
    if (event.type === 'question-answered') {
      this.#close(event.callId, event.answer.behavior === 'deny' ? 'denied' : 'open');
    } else if (event.type === 'question-withdrawn') {
      if (this.#notDone.get(event.callId) === 'waiting') this.#close(event.callId, 'none');
    } else {
      const { questions } = this.#view;
      this.#notDone.set(event.question.callId, 'waiting');
      if (!questions.some(({ callId }) => callId === event.question.callId)) questions.push(event.question);
    }
  }

  #closeCalls(): void {
    for (const [callId, became] of this.#notDone) if (became !== 'denied') this.#notDone.set(callId, 'none');
    this.#view.questions = [];
  }

  #close(callId: string, became: 'open' | 'denied' | 'none'): void {
    this.#view.questions = this.#view.questions.filter((question) => question.callId !== callId);
    this.#notDone.set(callId, became);
  }

  #note(...texts: string[]): void {
    for (const text of texts) if (!this.notes.includes(text)) this.notes.push(text);
  }
}
