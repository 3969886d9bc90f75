import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sessionIdSchema, turnIdSchema } from '../../../../src/core/ids.ts';
import type {
  IndexProgress,
  SearchBatch,
  SearchHit,
  SearchQuery,
  SessionSearch,
} from '../../../../src/core/search/sessionSearch.ts';
import { SearchIndexing } from '../../../../src/views/search/searchIndexing.ts';
import { searchSessionsPick } from '../../../../src/views/search/searchSessionsPick.ts';

/** What the person sees and does. */
interface Shown {
  title: string;
  value: string;
  busy: boolean;
  items: { label: string; detail?: string; value: SearchHit | null; kind?: number; buttons?: { tooltip: string }[] }[];
  activeItems: Shown['items'];
  buttons: { tooltip: string }[];
}
const editor = vi.hoisted(() => ({ pick: null as unknown, listeners: {} as Record<string, (given: unknown) => void> }));

vi.mock('vscode', () => ({
  ThemeIcon: class {
    constructor(readonly id: string) {}
  },
  QuickPickItemKind: { Separator: -1 },
  window: {
    createQuickPick() {
      const on = (name: string) => (listener: (given: unknown) => void) => {
        editor.listeners[name] = listener;
      };
      editor.pick = {
        value: '',
        items: [],
        activeItems: [],
        onDidChangeValue: on('value'),
        onDidTriggerButton: on('button'),
        onDidTriggerItemButton: on('itemButton'),
        onDidAccept: on('accept'),
        onDidHide: on('hide'),
        show: () => undefined,
        dispose: () => undefined,
      };
      return editor.pick;
    },
  },
}));

const pick = () => editor.pick as Shown;
const type = async (text: string): Promise<void> => {
  pick().value = text;
  editor.listeners.value?.(text);
  await vi.advanceTimersByTimeAsync(200);
};

const hit = (sessionFile: string, line: number, over: Partial<SearchHit> = {}): SearchHit => ({
  sessionId: sessionIdSchema.parse('s'),
  file: sessionFile,
  sessionFile,
  title: 'A $(trash) title',
  lastAt: null,
  projectPath: '/work/slug-tools',
  turnId: turnIdSchema.parse('t'),
  turnIndex: 3,
  turnInFile: 3,
  uuid: `u${line}`,
  line,
  kind: 'reply',
  tool: null,
  at: null,
  snippet: 'say $(x) quixote',
  ranges: [[9, 16]],
  ...over,
});

/** A search that gives what the test gives it. */
function scripted(batches: (SearchBatch | Promise<SearchBatch>)[], failure: Error | null = null) {
  const asked: { query: SearchQuery; signal: AbortSignal | undefined }[] = [];
  const search: SessionSearch = {
    async *search(query, { signal } = {}) {
      asked.push({ query, signal });
      yield* batches;
      if (failure !== null) throw failure;
    },
    async *updateIndex() {},
  };
  return { asked, search };
}
const batch = (hits: SearchHit[], complete = false): SearchBatch => ({ hits, searched: 1, files: 2, complete });
const idle = { onIndexProgress: () => ({ dispose: () => undefined }) };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('searching while one types', () => {
  it('shows hits as they come, inert, those of two sessions apart', async () => {
    const { search, asked } = scripted([batch([hit('/a', 1), hit('/a', 2)]), batch([hit('/b', 1)]), batch([], true)]);
    void searchSessionsPick({ search, ...idle });
    await type('quixote tool:Bash');
    expect(asked.map(({ query }) => query)).toEqual([{ text: 'quixote', tool: 'Bash', limit: 200 }]);
    expect(pick().items.map(({ kind, value }) => kind ?? value?.sessionFile)).toEqual(['/a', '/a', -1, '/b']);
    expect(pick().items[0]).toMatchObject({
      label: 'say \\$(x) quixote',
      detail: 'A \\$(trash) title · turn 3 · reply',
    });
    expect(pick()).toMatchObject({ title: '3 hits in 2 sessions', busy: false });
  });

  it('waits for a pause, and calls off what nobody waits for any more', async () => {
    const { search, asked } = scripted([batch([hit('/a', 1)]), new Promise(() => {})]);
    void searchSessionsPick({ search, ...idle });
    pick().value = 'qu';
    editor.listeners.value?.('qu');
    await type('qui');
    expect(asked.map(({ query }) => query.text)).toEqual(['qui']);
    expect(asked[0]?.signal?.aborted).toBe(false);
    expect(pick().title).toContain('searching…');
    await type('quix');
    expect(asked.map(({ signal }) => signal?.aborted)).toEqual([true, false]);
  });

  it.each([
    ['q', []],
    ['tool:Bash', []],
    ['quixote since:soon', ['“soon” is no time: write since:7d, since:12h or since:2026-06-01.']],
  ])('does not search for %j', async (text, notes) => {
    const { search, asked } = scripted([]);
    void searchSessionsPick({ search, ...idle });
    await type(text);
    expect(asked).toEqual([]);
    expect(pick().items.map(({ label }) => label)).toEqual(notes);
  });

  it('says that nothing was found, and what went wrong', async () => {
    void searchSessionsPick({ search: scripted([batch([], true)]).search, ...idle });
    await type('quixote');
    expect(pick().items).toMatchObject([{ label: 'Nothing found.', value: null }]);
    void searchSessionsPick({ search: scripted([], new Error('The disk is gone.')).search, ...idle });
    await type('quixote');
    expect(pick().items).toMatchObject([{ label: 'The disk is gone.', value: null }]);
  });

  it('puts a filter into the text', async () => {
    void searchSessionsPick({ search: scripted([]).search, ...idle });
    pick().value = 'quixote';
    editor.listeners.button?.(pick().buttons[2]);
    expect(pick().value).toBe('quixote tool:');
  });
});

describe('a chosen hit', () => {
  it.each(['open', 'fork', 'raw'] as const)('%s', async (action) => {
    const chosen = searchSessionsPick({ search: scripted([batch([hit('/a', 7)], true)]).search, ...idle });
    await type('quixote');
    const [item] = pick().items;
    pick().activeItems = pick().items;
    if (action === 'open') editor.listeners.accept?.(undefined);
    else editor.listeners.itemButton?.({ item, button: item?.buttons?.[action === 'fork' ? 0 : 1] });
    expect(await chosen).toEqual({ hit: item?.value, action });
  });

  it('is none where the person gave up, and what runs is called off', async () => {
    const { search, asked } = scripted([new Promise(() => {})]);
    const chosen = searchSessionsPick({ search, ...idle });
    await type('quixote');
    editor.listeners.hide?.(undefined);
    expect(await chosen).toBeUndefined();
    expect(asked[0]?.signal?.aborted).toBe(true);
  });
});

describe('the index in the background', () => {
  it('is seen in the title until it is complete, and is updated once at a time', async () => {
    let step = (_progress: IndexProgress | null): void => {};
    let started = 0;
    const search: SessionSearch = {
      ...scripted([]).search,
      async *updateIndex() {
        started += 1;
        for (;;) {
          const progress = await new Promise<IndexProgress | null>((resolve) => {
            step = resolve;
          });
          if (progress === null) return;
          yield progress;
        }
      },
    };
    const indexing = new SearchIndexing(() => undefined);
    indexing.update(search);
    indexing.update(search);
    void searchSessionsPick({ search, onIndexProgress: (listener) => indexing.onProgress(listener) });
    expect(pick().title).toBe('Search Sessions');
    step({ indexed: 1204, files: 2000 });
    await vi.advanceTimersByTimeAsync(1);
    expect(pick().title).toBe('Search Sessions · Indexing 1,204 of 2,000…');
    step(null);
    await vi.advanceTimersByTimeAsync(1);
    expect(pick().title).toBe('Search Sessions');
    expect(started).toBe(1);
  });
});
