import { canonicalJson } from '../../core/canonicalJson.ts';
import type { ForkPoint } from '../../core/fork/forkRequest.ts';
import { type ForkDraft, forkDraftSchema } from './protocol.ts';

/** Where small values are kept between windows. */
export interface KeyValueStore {
  /** Undefined where nothing is kept. */
  get(key: string): Promise<unknown>;
  update(key: string, value: unknown): Promise<void>;
}

type Entry = [key: string, draft: unknown];

const storageKey = 'drafts';
const maxDrafts = 30;

/** Forks that were begun and not run, by session and fork point. A panel closed by mistake loses nothing. */
export class DraftStore {
  private entries: Promise<Entry[]> | null = null;

  constructor(private readonly store: KeyValueStore) {}

  /** The draft that was begun here, null where there is none. */
  async recall(session: string, at: ForkPoint): Promise<ForkDraft | null> {
    const found = (await this.read()).find(([key]) => key === keyOf(session, at));
    const draft = forkDraftSchema.safeParse(found?.[1]);
    return draft.success ? draft.data : null;
  }

  /** Keeps the draft, newest first; one that is as `fresh` as a new one is forgotten. */
  async keep(draft: ForkDraft, fresh: ForkDraft): Promise<void> {
    const key = keyOf(draft.session, draft.at);
    await this.change((entries) => {
      const others = entries.filter(([other]) => other !== key);
      return untouched(draft, fresh) ? others : [[key, draft] satisfies Entry, ...others].slice(0, maxDrafts);
    });
  }

  async forget(session: string, at: ForkPoint): Promise<void> {
    const key = keyOf(session, at);
    await this.change((entries) => entries.filter(([other]) => other !== key));
  }

  private read(): Promise<Entry[]> {
    this.entries ??= this.store.get(storageKey).then((stored) => (Array.isArray(stored) ? stored.filter(isEntry) : []));
    return this.entries;
  }

  private async change(edit: (entries: Entry[]) => Entry[]): Promise<void> {
    // Chained, so that two changes at once don't undo one another.
    this.entries = this.read().then(edit);
    await this.store.update(storageKey, await this.entries);
  }
}

function isEntry(value: unknown): value is Entry {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string';
}

function keyOf(session: string, at: ForkPoint): string {
  return `${session}\n${JSON.stringify(at)}`;
}

/** Where it runs and who answers is chosen anew in a moment: nothing is lost with that. */
function untouched(draft: ForkDraft, fresh: ForkDraft): boolean {
  const { engine, executor } = fresh;
  const branches = draft.branches.map((branch) => ({ ...branch, key: 'recorded', open: [] }));
  return canonicalJson({ ...draft, branches, edits: 0, engine, executor }) === canonicalJson({ ...fresh, edits: 0 });
}
