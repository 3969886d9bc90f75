import type { ConversationRow } from '../protocol.ts';

const pageSize = 40;

interface Page {
  /** Null while they were never here. Those of an older reading stay until the new ones have come. */
  rows: ConversationRow[] | null;
  reading: number;
}

/** The rows that were fetched so far. Far ones are dropped again, so that a long session stays small here too. */
export class RowPages {
  private readonly pages = new Map<number, Page>();
  private reading = 0;

  constructor(
    private readonly fetchRows: (start: number, count: number) => Promise<ConversationRow[]>,
    private readonly changed: () => void,
  ) {}

  /** The row, null while it is not there yet. */
  at(row: number): ConversationRow | null {
    return this.pages.get(Math.floor(row / pageSize))?.rows?.[row % pageSize] ?? null;
  }

  /** Fetches what is missing or stale between the two rows and forgets what is far away from them. */
  want(first: number, last: number): void {
    const from = Math.floor(Math.max(0, first) / pageSize);
    const to = Math.floor(Math.max(0, last) / pageSize);
    for (let page = from; page <= to; page++) {
      if (this.pages.get(page)?.reading !== this.reading) void this.load(page);
    }
    for (const page of this.pages.keys()) if (page < from - 10 || page > to + 10) this.pages.delete(page);
  }

  /** The recording was read anew: all rows are stale. What is in view stays there until it is replaced, so nothing flickers. */
  stale(): void {
    this.reading += 1;
  }

  private async load(index: number): Promise<void> {
    const page: Page = { rows: this.pages.get(index)?.rows ?? null, reading: this.reading };
    this.pages.set(index, page);
    try {
      const rows = await this.fetchRows(index * pageSize, pageSize);
      // Dropped, or asked for again in the meantime: these rows are of an older reading.
      if (this.pages.get(index) !== page) return;
      page.rows = rows;
    } catch {
      // The panel shows the error; the page is asked for again when it is next in view.
      if (this.pages.get(index) === page) this.pages.delete(index);
    }
    this.changed();
  }
}
