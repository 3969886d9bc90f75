import { type Executor, executorSchema } from '../core/agent/agentSettings.ts';

/** A place for small values that outlive the window; VS Code's `Memento` is one. */
export interface Memento {
  get(key: string): unknown;
  update(key: string, value: unknown): PromiseLike<void>;
}

const executorKey = 'forkpoint.executor';
const unaskedKey = 'forkpoint.agentsUnasked';

/** What a person chose in earlier forks and wants to find again. Going on without asking is never among it. */
export class RunChoices {
  readonly #person: Memento;
  readonly #workspace: Memento;

  /** @param person for all workspaces @param workspace for this one */
  constructor(person: Memento, workspace: Memento) {
    this.#person = person;
    this.#workspace = workspace;
  }

  /** Who was chosen to answer last, null where nobody was. */
  get executor(): Executor | null {
    const last = executorSchema.safeParse(this.#person.get(executorKey));
    return last.success ? last.data : null;
  }

  async keepExecutor(executor: Executor): Promise<void> {
    if (executor !== this.executor) await this.#person.update(executorKey, executor);
  }

  /** Agents start in this workspace without a question before. */
  get startsUnasked(): boolean {
    return this.#workspace.get(unaskedKey) === true;
  }

  async startUnasked(): Promise<void> {
    await this.#workspace.update(unaskedKey, true);
  }
}
