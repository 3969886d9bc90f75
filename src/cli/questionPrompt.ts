import type { Answer, Question } from '../core/agent/agentFacts.ts';
import type { Terminal } from './terminal.ts';

interface Asked {
  branchId: string;
  question: Question;
}

/** Asks the person at the terminal what agents ask, one question after another; who answers elsewhere is as welcome. */
export class QuestionPrompt {
  readonly #terminal: Terminal;
  readonly #give: (asked: Asked, answer: Answer) => Promise<void>;
  #waiting: Asked[] = [];
  #current: { callId: string; gone: AbortController } | null = null;

  /** @param give passes an answer on */
  constructor(terminal: Terminal, give: (asked: Asked, answer: Answer) => Promise<void>) {
    this.#terminal = terminal;
    this.#give = give;
  }

  add(asked: Asked): void {
    // One with options is answered with them: `forkpoint approve --answer`.
    if (asked.question.tool === 'AskUserQuestion') return;
    this.#waiting.push(asked);
    if (this.#current === null) void this.#askAll();
  }

  /** The question was answered elsewhere, or its agent is gone. */
  remove(callId: string): void {
    this.#waiting = this.#waiting.filter(({ question }) => question.callId !== callId);
    if (this.#current?.callId === callId) this.#current.gone.abort();
  }

  close(): void {
    this.#waiting = [];
    this.#current?.gone.abort();
  }

  async #askAll(): Promise<void> {
    for (let asked = this.#waiting.shift(); asked !== undefined; asked = this.#waiting.shift()) {
      const gone = new AbortController();
      this.#current = { callId: asked.question.callId, gone };
      const text = 'Allow? y = yes, b = for this branch, r = for this run, n = no, else: what to tell the agent >';
      const said = await this.#terminal.ask(text, gone.signal).catch(() => null);
      if (said === null || gone.signal.aborted) continue;
      await this.#give(asked, answerOf(said)).catch((error: unknown) => this.#terminal.error(error));
    }
    this.#current = null;
  }
}

/** What a person typed as an answer: only a clear yes allows. */
export function answerOf(said: string): Answer {
  const word = said.toLowerCase();
  if (['y', 'yes'].includes(word)) return { behavior: 'allow', scope: 'call' };
  if (['b', 'r'].includes(word)) return { behavior: 'allow', scope: word === 'b' ? 'branch' : 'run' };
  const message = ['', 'n', 'no'].includes(word) ? {} : { message: said };
  return { behavior: 'deny', scope: 'call', ...message };
}
