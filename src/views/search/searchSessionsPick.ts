// src/views/search: the picker that searches all sessions, and the command that indexes them. How a text is found
// belongs to src/core/search.

import * as vscode from 'vscode';
import { messageOf } from '../../core/errors.ts';
import { plural } from '../../core/format.ts';
import { parseSearchText, type SearchFilter, searchFilters } from '../../core/search/parseSearchText.ts';
import type { IndexProgress, SearchBatch, SearchHit, SessionSearch } from '../../core/search/sessionSearch.ts';
import { choice } from '../quickInput.ts';
import { facts } from '../sessionTree/sessionRows.ts';
import { forkButton, type SearchItem, searchItems } from './searchItems.ts';

/** More hits are no help in a list: the query should say more. */
const shownAtMost = 200;
/** Shorter texts stand nearly everywhere. */
const shortestText = 2;
/** Debounce of typing, in milliseconds. */
const debounceMs = 120;

const filterIcons: Record<SearchFilter, string> = {
  project: 'folder',
  model: 'hubot',
  tool: 'tools',
  since: 'calendar',
};

/** What the person wants to do with a hit. */
export interface ChosenHit {
  hit: SearchHit;
  action: 'open' | 'fork' | 'raw';
}

export interface SearchPickOptions {
  search: SessionSearch;
  /** Calls back with how far the index is, now and whenever that changes; null when it is complete. */
  onIndexProgress(listener: (progress: IndexProgress | null) => void): vscode.Disposable;
}

/**
 * Searches all recorded sessions while one types.
 * @returns undefined where the person gave up
 */
export async function searchSessionsPick(options: SearchPickOptions): Promise<ChosenHit | undefined> {
  const pick = new SearchPick(options);
  try {
    return await pick.chosen();
  } finally {
    pick.dispose();
  }
}

class SearchPick {
  readonly #search: SessionSearch;
  readonly #pick = vscode.window.createQuickPick<SearchItem>();
  readonly #filterButtons = new Map<vscode.QuickInputButton, SearchFilter>();
  readonly #indexing: vscode.Disposable;
  #index: IndexProgress | null = null;
  #state = '';
  #timer: NodeJS.Timeout | undefined;
  #running = new AbortController();

  constructor(options: SearchPickOptions) {
    this.#search = options.search;
    const names = Object.keys(searchFilters) as SearchFilter[];
    for (const name of names) {
      const tooltip = `Filter: ${searchFilters[name]}`;
      this.#filterButtons.set({ iconPath: new vscode.ThemeIcon(filterIcons[name]), tooltip }, name);
    }
    Object.assign(this.#pick, {
      placeholder: 'Text of prompts, replies or tools; narrow with project: model: tool: since:7d',
      buttons: [...this.#filterButtons.keys()],
      // Hits stay in their order, whatever their labels. The option works, but is not in the typings.
      sortByLabel: false,
    });
    this.#pick.onDidChangeValue(() => this.#soon());
    this.#pick.onDidTriggerButton((button) => this.#addFilter(button));
    this.#indexing = options.onIndexProgress((progress) => {
      this.#index = progress;
      this.#showTitle();
    });
  }

  chosen(): Promise<ChosenHit | undefined> {
    return new Promise((resolve) => {
      this.#pick.onDidAccept(() => {
        const hit = this.#pick.activeItems[0]?.value ?? null;
        if (hit !== null) resolve({ hit, action: 'open' });
      });
      this.#pick.onDidTriggerItemButton(({ item: { value: hit }, button }) => {
        if (hit !== null) resolve({ hit, action: button === forkButton ? 'fork' : 'raw' });
      });
      this.#pick.onDidHide(() => resolve(undefined));
      this.#pick.show();
    });
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#running.abort();
    this.#indexing.dispose();
    this.#pick.dispose();
  }

  #addFilter(button: vscode.QuickInputButton): void {
    const name = this.#filterButtons.get(button);
    if (name === undefined) return;
    const before = this.#pick.value.trimEnd();
    this.#pick.value = `${before}${before === '' ? '' : ' '}${name}:`;
  }

  #soon(): void {
    clearTimeout(this.#timer);
    this.#running.abort();
    this.#running = new AbortController();
    const { signal } = this.#running;
    this.#timer = setTimeout(() => void this.#run(signal), debounceMs);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { query, problem } = parseSearchText(this.#pick.value, Date.now());
    if (problem !== null || query.text.length < shortestText) {
      this.#pick.items = problem === null ? [] : [noteItem(problem)];
      return this.#show('', false);
    }
    this.#show('Searching…', true);
    const hits: SearchHit[] = [];
    try {
      for await (const batch of this.#search.search({ ...query, limit: shownAtMost }, { signal })) {
        if (signal.aborted) return;
        hits.push(...batch.hits);
        if (batch.hits.length > 0) this.#showHits(hits);
        this.#show(statusText(hits, batch), true);
      }
      if (signal.aborted) return;
      this.#showHits(hits);
      if (hits.length === 0) this.#pick.items = [noteItem('Nothing found.')];
    } catch (error) {
      if (signal.aborted) return;
      this.#pick.items = [noteItem(messageOf(error))];
    }
    this.#show(this.#state, false);
  }

  /** The row that the person has moved to stays theirs while others come in. */
  #showHits(hits: readonly SearchHit[]): void {
    const active = this.#pick.activeItems[0]?.value ?? null;
    const items = searchItems(hits, Date.now());
    this.#pick.items = items;
    const again = items.find(({ value }) => value !== null && value === active);
    if (again !== undefined) this.#pick.activeItems = [again];
  }

  #show(state: string, busy: boolean): void {
    this.#state = state;
    this.#pick.busy = busy;
    this.#showTitle();
  }

  #showTitle(): void {
    const { indexed, files } = this.#index ?? { indexed: 0, files: 0 };
    const indexing = `Indexing ${indexed.toLocaleString('en-US')} of ${files.toLocaleString('en-US')}…`;
    this.#pick.title = facts(this.#state || 'Search Sessions', this.#index !== null && indexing);
  }
}

function noteItem(text: string): SearchItem {
  return { ...choice<SearchHit | null>(null, text), alwaysShow: true };
}

function statusText(hits: readonly SearchHit[], { searched, files, complete }: SearchBatch): string {
  const sessions = new Set(hits.map(({ sessionFile }) => sessionFile)).size;
  const found = `${plural(hits.length, 'hit')} in ${plural(sessions, 'session')}`;
  if (complete) return found;
  if (hits.length >= shownAtMost) return `The first ${found}`;
  return searched < files ? `${found}, searching…` : `${found}; some files could not be read`;
}
