import type { ConversationRow } from '../protocol.ts';

const pageSize = 40;

/** The rows that were fetched so far. Far ones are dropped again, so that a long session stays small here too. */
export class RowPages {
  private readonly pages = new Map<number, ConversationRow[] | 'fetching'>();

  constructor(
    private readonly fetchRows: (start: number, count: number) => Promise<ConversationRow[]>,
    private readonly changed: () => void,
  ) {}

  /** The row, null while it is not there yet. */
  at(row: number): ConversationRow | null {
    const page = this.pages.get(Math.floor(row / pageSize));
    return page === undefined || page === 'fetching' ? null : (page[row % pageSize] ?? null);
  }

  /** Fetches what is missing between the two rows and forgets what is far away from them. */
  want(first: number, last: number): void {
    const from = Math.floor(Math.max(0, first) / pageSize);
    const to = Math.floor(Math.max(0, last) / pageSize);
    for (let page = from; page <= to; page++) if (!this.pages.has(page)) void this.load(page);
    for (const page of this.pages.keys()) if (page < from - 10 || page > to + 10) this.pages.delete(page);
  }

  clear(): void {
    this.pages.clear();
  }

  private async load(page: number): Promise<void> {
    this.pages.set(page, 'fetching');
    try {
      const rows = await this.fetchRows(page * pageSize, pageSize);
      // Cleared in the meantime: these rows are of an older reading.
      if (this.pages.get(page) !== 'fetching') return;
      this.pages.set(page, rows);
    } catch {
      // The panel shows the error; the page is asked for again when it is next in view.
      this.pages.delete(page);
    }
    this.changed();
  }
}
