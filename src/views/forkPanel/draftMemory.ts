import type { ForkPoint } from '../../core/fork/forkRequest.ts';
import { newDraft } from './newDraft.ts';
import { type ForkDraft, forkDraftSchema } from './protocol.ts';

/** Where texts are kept between windows; `vscode.Memento` fits. */
export interface KeyValueStore {
  get(key: string): unknown;
  update(key: string, value: unknown): PromiseLike<void>;
}

const storageKey = 'forkpoint.drafts';
const kept = 30;

/** Forks that were begun and not run, by session and fork point. A panel closed by mistake loses nothing. */
export class DraftMemory {
  constructor(private readonly store: KeyValueStore) {}

  /** The draft that was begun here, null where there is none. */
  recall(session: string, at: ForkPoint): ForkDraft | null {
    const found = this.entries().find(([key]) => key === keyOf(session, at));
    const draft = forkDraftSchema.safeParse(found?.[1]);
    return draft.success ? draft.data : null;
  }

  /** Keeps the draft, newest first; an untouched one is forgotten. */
  async keep(draft: ForkDraft): Promise<void> {
    const key = keyOf(draft.session, draft.at);
    const others = this.entries().filter(([other]) => other !== key);
    await this.store.update(storageKey, untouched(draft) ? others : [[key, draft], ...others].slice(0, kept));
  }

  async forget(session: string, at: ForkPoint): Promise<void> {
    const key = keyOf(session, at);
    await this.store.update(
      storageKey,
      this.entries().filter(([other]) => other !== key),
    );
  }

  private entries(): [string, unknown][] {
    const stored = this.store.get(storageKey);
    return Array.isArray(stored) ? stored.filter((entry) => Array.isArray(entry) && typeof entry[0] === 'string') : [];
  }
}

function keyOf(session: string, at: ForkPoint): string {
  return `${session}\n${JSON.stringify(at)}`;
}

function untouched(draft: ForkDraft): boolean {
  const fresh = newDraft(draft.session, draft.at, draft.engine);
  const branches = draft.branches.map((branch) => ({ ...branch, key: 'recorded', open: [] }));
  return JSON.stringify({ ...draft, branches }) === JSON.stringify(fresh);
}
