import { html, LitElement, nothing } from 'lit';
import { property, query, state } from 'lit/decorators.js';
import type { ModelChoice } from '../protocol.ts';
import { icon } from './fields.ts';
import { placePopover } from './placePopover.ts';

interface Option {
  id: string | null;
  name: string;
  detail: string;
}

let boxes = 0;

/**
 * Picks a model from the list or takes any id that is typed. Null is the recorded model. Fires `model` with the new value,
 * and `wanted` when the list opens, so that it can be completed.
 */
export class ModelBox extends LitElement {
  @property({ attribute: false }) value: string | null = null;
  @property({ attribute: false }) recorded: { id: string | null; name: string } = { id: null, name: '' };
  @property({ attribute: false }) models: ModelChoice[] = [];
  @property() label = 'Model';
  @property() note = '';
  @property({ attribute: false }) invalid: unknown = nothing;
  @property({ attribute: false }) describedBy: unknown = nothing;
  @state() private typed: string | null = null;
  @state() private active = -1;
  @state() private expanded = false;
  @query('input') private input!: HTMLInputElement;
  @query('[popover]') private list!: HTMLElement;
  private readonly listId = `models-${++boxes}`;

  protected override createRenderRoot() {
    return this;
  }

  protected override render() {
    const options = this.options();
    return html`<div class="combo">
        <input
          type="text"
          role="combobox"
          spellcheck="false"
          autocomplete="off"
          aria-autocomplete="list"
          aria-label=${this.label}
          aria-expanded=${String(this.expanded)}
          aria-controls=${this.listId}
          aria-activedescendant=${this.expanded && this.active >= 0 ? `${this.listId}-${this.active}` : nothing}
          aria-invalid=${this.invalid}
          aria-describedby=${this.describedBy}
          title=${this.tooltip()}
          .value=${this.typed ?? this.nameOf(this.value)}
          @focus=${() => this.input.select()}
          @click=${this.show}
          @input=${this.onInput}
          @keydown=${this.onKey}
          @blur=${this.onBlur}
        />
        ${icon('chevron-down')}
      </div>
      <div class="menu options" popover="manual" id=${this.listId} role="listbox" aria-label=${this.label}>
        ${options.map(
          (option, index) => html`<div
            role="option"
            id="${this.listId}-${index}"
            class=${index === this.active ? 'active' : ''}
            aria-selected=${String(option.id === this.value)}
            title=${option.id ?? this.recorded.id ?? ''}
            @pointerdown=${(event: Event) => this.pick(event, option)}
          >
            <span>${option.name}</span><span class="keys">${option.detail}</span>
          </div>`,
        )}
        ${this.note ? html`<div class="note" role="presentation">${this.note}</div>` : nothing}
      </div>`;
  }

  protected override updated() {
    if (!this.expanded) return;
    this.list.querySelector('.active')?.scrollIntoView({ block: 'nearest' });
  }

  private options(): Option[] {
    const all: Option[] = [
      { id: null, name: this.recorded.name || 'As recorded', detail: 'as recorded' },
      ...this.models
        .filter(({ id }) => id !== this.recorded.id)
        .map(({ id, name, source }) => ({ id, name, detail: name === id ? source : `${id} · ${source}` })),
    ];
    const typed = this.typed?.trim();
    if (!typed) return all;
    const words = typed.toLowerCase().split(/\s+/);
    const found = all.filter(({ id, name }) =>
      words.every((word) => `${id ?? ''} ${name}`.toLowerCase().includes(word)),
    );
    const known = all.some(({ id, name }) => id === typed || name === typed);
    return known ? found : [...found, { id: typed, name: typed, detail: 'use this id' }];
  }

  private nameOf(id: string | null): string {
    if (id === null) return this.recorded.name || 'As recorded';
    return this.models.find((model) => model.id === id)?.name ?? id;
  }

  private tooltip(): string {
    return this.value ?? (this.recorded.id ? `${this.recorded.id}, as recorded` : 'as recorded');
  }

  private readonly show = () => {
    if (this.expanded) return;
    this.dispatchEvent(new CustomEvent('wanted'));
    this.expanded = true;
    this.active = Math.max(
      0,
      this.options().findIndex(({ id }) => id === this.value),
    );
    this.list.showPopover();
    placePopover(this.list, this.input, 'left');
    window.addEventListener('scroll', this.onScroll, { capture: true, passive: true });
  };

  private hide(): void {
    this.typed = null;
    this.expanded = false;
    this.active = -1;
    window.removeEventListener('scroll', this.onScroll, { capture: true });
    if (this.list.matches(':popover-open')) this.list.hidePopover();
  }

  private readonly onScroll = (event: Event) => {
    if (event.target !== this.list) placePopover(this.list, this.input, 'left');
  };

  override disconnectedCallback() {
    super.disconnectedCallback();
    window.removeEventListener('scroll', this.onScroll, { capture: true });
  }

  private readonly onInput = () => {
    this.show();
    this.typed = this.input.value;
    this.active = 0;
  };

  private readonly onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const count = this.options().length;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!this.expanded) return this.show();
      this.active = (this.active + (event.key === 'ArrowDown' ? 1 : -1) + count) % count;
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (this.expanded) this.commit(this.options()[this.active]);
      else this.show();
    } else if (event.key === 'Escape' && this.expanded) {
      event.stopPropagation();
      this.hide();
    }
  };

  private readonly onBlur = () => {
    const typed = this.typed?.trim();
    if (!typed) return this.hide();
    // What was typed counts, also without Enter: leaving a field must not lose what stands in it.
    const exact = this.options().find(({ id, name }) => id === typed || name.toLowerCase() === typed.toLowerCase());
    this.commit(exact ?? { id: typed, name: typed, detail: '' });
  };

  private pick(event: Event, option: Option): void {
    // Keeps the focus in the field.
    event.preventDefault();
    this.commit(option);
  }

  private commit(option: Option | undefined): void {
    this.hide();
    if (option && option.id !== this.value) this.dispatchEvent(new CustomEvent('model', { detail: option.id }));
    this.requestUpdate();
  }
}

customElements.define('model-box', ModelBox);
