import { defaultRangeExtractor, VirtualizerController } from '@tanstack/lit-virtual';
import { html, LitElement, nothing } from 'lit';
import { property, query, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import type { ForkPoint } from '../../../core/fork/forkRequest.ts';
import type { ConversationRow, Cut, RowPart } from '../protocol.ts';
import { conversationRow, rowParts } from './conversationRow.ts';
import { dragCut } from './cutDrag.ts';
import { cutLine, promptEditor } from './cutEditor.ts';
import type { DropPlace } from './dropPlace.ts';
import { RowPages } from './rowPages.ts';
import type { ReadyState } from './state.ts';

export interface ConversationActions {
  fetchRows(start: number, count: number): Promise<ConversationRow[]>;
  fetchParts(row: number): Promise<RowPart[]>;
  moveCut(by: -1 | 1): void;
  cutAt(at: ForkPoint): void;
  editPrompt(prompt: string | null): void;
  openLink(href: string): void;
}

/**
 * The conversation with the cut in it. Only what is in view is in the DOM and was sent here; the cut itself always is, so
 * that the prompt being edited keeps its focus.
 */
export class ConversationView extends LitElement {
  @property({ attribute: false }) panel!: ReadyState;
  @property({ attribute: false }) actions!: ConversationActions;
  @state() private drop: DropPlace | null = null;
  @state() private focused = -1;
  @query('.conversation-scroll') private scroller!: HTMLElement;
  /** The rows that are unfolded: what is in them, null before it has come, and of which reading that is. */
  private readonly expanded = new Map<number, { parts: RowPart[] | null; reading: number }>();
  private readonly pages = new RowPages(
    (start, count) => this.actions.fetchRows(start, count),
    () => this.requestUpdate(),
  );
  private readonly virtual = new VirtualizerController<HTMLElement, HTMLElement>(this, {
    count: 0,
    getScrollElement: () => this.scroller,
    estimateSize: () => 44,
    overscan: 6,
    getItemKey: (item) => this.keyOf(item),
    rangeExtractor: (range) => [...new Set([...defaultRangeExtractor(range), this.cutItem])].toSorted((a, b) => a - b),
  });
  private readings = -1;
  /** What had the focus before an update: moving the cut moves it in the page, which takes the focus off it. */
  private held: HTMLElement | null = null;
  private shownCut = '';
  private keyedFor = '';

  protected override createRenderRoot() {
    return this;
  }

  /** Place of the cut among the items: the rows with the cut in between, or in place of the prompt that is edited. */
  private get cutItem(): number {
    const { row, side } = this.panel.cut;
    return side === 'before' ? row : row + 1;
  }

  private rowOf(item: number): number {
    return this.panel.cut.side === 'after' && item > this.cutItem ? item - 1 : item;
  }

  private itemOf(row: number): number {
    return this.panel.cut.side === 'after' && row > this.panel.cut.row ? row + 1 : row;
  }

  private keyOf(item: number): string {
    return item === this.cutItem ? 'cut' : `row ${this.rowOf(item)}`;
  }

  protected override willUpdate() {
    this.held = this.contains(document.activeElement) ? (document.activeElement as HTMLElement) : null;
    if (this.readings !== this.panel.readings) {
      this.readings = this.panel.readings;
      this.pages.stale();
    }
    const virtualizer = this.virtual.getVirtualizer();
    const count = this.panel.rows + (this.panel.cut.side === 'after' ? 1 : 0);
    const { getItemKey } = virtualizer.options;
    // Sizes are kept by key until the function that gives the keys is another one.
    const place = cutKey(this.panel.cut);
    const keys = this.keyedFor === place ? getItemKey : (item: number) => this.keyOf(item);
    this.keyedFor = place;
    virtualizer.setOptions({ ...virtualizer.options, count, getItemKey: keys });
  }

  protected override render() {
    const virtualizer = this.virtual.getVirtualizer();
    const items = virtualizer.getVirtualItems();
    // The cut may be in the DOM far from what is in view: it says nothing about which rows to fetch.
    const inView = items.filter(({ index }) => index !== this.cutItem).map(({ index }) => this.rowOf(index));
    this.pages.want(
      inView.length > 0 ? Math.min(...inView) : this.panel.cut.row,
      inView.length > 0 ? Math.max(...inView) : this.panel.cut.row + 1,
    );
    const tabStop = inView.includes(this.focused) ? this.focused : (inView[0] ?? -1);
    return html`<div class="conversation-scroll ${this.drop ? 'dragging' : ''}" @keydown=${this.onKey}>
      <div class="conversation-list" role="list" aria-label="Conversation" .style=${`height: ${virtualizer.getTotalSize()}px`}>
        ${repeat(
          items,
          ({ key }) => key,
          ({ index, start }) => html`<div
            class="item"
            role="listitem"
            data-index=${index}
            aria-setsize=${virtualizer.options.count}
            aria-posinset=${index + 1}
            .style=${`transform: translateY(${start}px)`}
          >
            ${index === this.cutItem ? this.renderCut() : this.renderRow(this.rowOf(index), tabStop)}
          </div>`,
        )}
      </div>
    </div>`;
  }

  protected override updated() {
    if (this.held?.isConnected && document.activeElement !== this.held) this.held.focus();
    // Only now are the rows in the page and have a size.
    const virtualizer = this.virtual.getVirtualizer();
    for (const item of this.querySelectorAll<HTMLElement>('.item')) virtualizer.measureElement(item);
    const cut = cutKey(this.panel.cut);
    if (cut === this.shownCut) return;
    const first = this.shownCut === '';
    this.shownCut = cut;
    const scroll = () =>
      this.virtual.getVirtualizer().scrollToIndex(this.cutItem, { align: first ? 'center' : 'auto' });
    // The list has its size only after this update was laid out.
    if (first) requestAnimationFrame(scroll);
    else scroll();
  }

  private renderCut() {
    const { cut } = this.panel;
    return html`<div class="cut" data-row=${cut.row} data-cut>
      ${cutLine(this.panel, { drag: this.onDrag, move: (by) => this.actions.moveCut(by) })}
      ${promptEditor(this.panel, (prompt) => this.actions.editPrompt(prompt))}
    </div>`;
  }

  private renderRow(row: number, tabStop: number) {
    const data = this.pages.at(row);
    const { cut } = this.panel;
    if (!data) return html`<div class="row fetching" data-row=${row} aria-busy="true"></div>`;
    const open = this.expanded.get(row);
    if (open && open.reading !== this.readings) void this.fetchParts(row);
    const dropClass = this.drop?.row === row ? `drop-${this.drop.side}` : '';
    return conversationRow(data, {
      row,
      baseline: row > cut.row,
      sameSpeaker: this.pages.at(row - 1)?.kind === data.kind && row - 1 !== cut.row,
      dropClass,
      tabStop: row === tabStop,
      expanded: open !== undefined,
      details: open?.parts ? rowParts(data.kind, open.parts, (href) => this.actions.openLink(href)) : nothing,
      editable: this.panel.run === null,
      toggle: () => this.toggle(row),
      cutAt: (at) => this.actions.cutAt(at),
    });
  }

  private toggle(row: number): void {
    if (!this.expanded.delete(row)) void this.fetchParts(row);
    this.requestUpdate();
  }

  /** What is in a row. What an older reading gave stays until the new one has come. */
  private async fetchParts(row: number): Promise<void> {
    const asked = { parts: this.expanded.get(row)?.parts ?? null, reading: this.readings };
    this.expanded.set(row, asked);
    try {
      asked.parts = await this.actions.fetchParts(row);
    } catch {
      // The panel shows the error.
      if (this.expanded.get(row) === asked) this.expanded.delete(row);
    }
    this.requestUpdate();
  }

  private readonly onDrag = (event: PointerEvent) => {
    if (event.button !== 0 || this.panel.run) return;
    dragCut(
      event,
      this.scroller,
      (row) => this.pages.at(row),
      (place) => {
        this.drop = place;
      },
      (place) => {
        this.drop = null;
        if (place) this.actions.cutAt(place.at);
      },
    );
  };

  /** Arrow keys walk from row to row while a row itself has the focus. */
  private readonly onKey = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    const row = Number(target.dataset['row']);
    if (!target.matches('.row') || Number.isNaN(row) || event.altKey || event.ctrlKey || event.metaKey) return;
    const places: Record<string, number> = {
      ArrowDown: row + 1,
      ArrowUp: row - 1,
      PageDown: row + 10,
      PageUp: row - 10,
      Home: 0,
      End: this.panel.rows - 1,
    };
    const next = places[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const { cut, rows } = this.panel;
    const bounded = Math.min(Math.max(next, 0), rows - 1);
    // The prompt at the cut is an editor, reached with Tab: walking past must not grab the cut.
    const skipped = cut.side === 'before' && bounded === cut.row ? bounded + Math.sign(next - row) : bounded;
    if (skipped >= 0 && skipped < rows) void this.focusRow(skipped);
  };

  private async focusRow(row: number): Promise<void> {
    this.focused = row;
    this.virtual.getVirtualizer().scrollToIndex(this.itemOf(row), { align: 'auto' });
    // A far row is rendered one or two frames after the list has scrolled there.
    for (let tries = 0; tries < 10; tries++) {
      await this.updateComplete;
      const element = this.querySelector<HTMLElement>(`.row[data-row="${row}"]`);
      if (element) return element.focus();
      await new Promise(requestAnimationFrame);
    }
  }
}

function cutKey({ row, side }: Cut): string {
  return `${side} ${row}`;
}

customElements.define('conversation-view', ConversationView);
