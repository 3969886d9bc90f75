import type { StreamLine } from './streamProtocol.ts';

type TaskLine = Extract<
  StreamLine,
  { subtype: 'background_tasks_changed' | 'task_started' | 'task_updated' | 'task_notification' }
>;

const over = new Set(['completed', 'failed', 'killed', 'stopped', 'cancelled']);

/**
 * What runs beside the agent's turn. After a `result` Claude Code takes up work again by itself when something ends in
 * the background: a turn is over only when nothing is left to wait for.
 */
export class BackgroundTasks {
  /** Kinds by task. */
  readonly #running = new Map<string, string>();
  #endedSince = false;

  /** `agents`: subagents at work; `shells`: only commands, which may be servers that never end; `turn`: one has ended, so a turn may follow. */
  get waitsFor(): 'nothing' | 'turn' | 'shells' | 'agents' {
    const kinds = [...this.#running.values()];
    if (kinds.some((kind) => kind !== 'local_bash')) return 'agents';
    if (kinds.length > 0) return 'shells';
    return this.#endedSince ? 'turn' : 'nothing';
  }

  add(line: TaskLine): void {
    switch (line.subtype) {
      case 'task_started':
        this.#running.set(line.task_id, line.task_type ?? '');
        return;
      case 'background_tasks_changed':
        return this.#replace(line.tasks.map((task) => [task.task_id, task.task_type ?? '']));
      case 'task_updated':
        if (over.has(line.patch.status ?? '')) this.#remove(line.task_id);
        return;
      case 'task_notification':
        return this.#remove(line.task_id);
    }
  }

  /** The model is asked: it is told of what ended before. What ends later is told in a turn of its own. */
  asked(): void {
    this.#endedSince = false;
  }

  #replace(tasks: [string, string][]): void {
    const left = new Set(tasks.map(([id]) => id));
    for (const id of this.#running.keys()) if (!left.has(id)) this.#remove(id);
    for (const [id, kind] of tasks) this.#running.set(id, kind);
  }

  #remove(id: string): void {
    if (this.#running.delete(id)) this.#endedSince = true;
  }
}
