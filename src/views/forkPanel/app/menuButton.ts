import { html, LitElement, nothing } from 'lit';
import { property, query } from 'lit/decorators.js';
import { icon } from './fields.ts';
import { placePopover } from './placePopover.ts';

export interface MenuItem {
  id: string;
  label: string;
  /** Keys that do the same, for example `Alt+Shift+Up`. */
  keys?: string;
  disabled?: boolean;
  /** Of items of which one is chosen. */
  checked?: boolean;
}

/** A button with a menu, as VS Code's toolbars have them. Fires `choose` with the id of the item. */
export class MenuButton extends LitElement {
  @property({ attribute: false }) items: MenuItem[] = [];
  /** Shown text; an icon alone where empty. */
  @property() text = '';
  @property() label = '';
  /** Shown on hover; the label where empty. */
  @property() tooltip = '';
  @query('[popover]') private menu!: HTMLElement;
  @query('button') private button!: HTMLButtonElement;

  protected override createRenderRoot() {
    return this;
  }

  protected override render() {
    return html`<button
        class=${this.text ? 'text-button' : 'icon-button'}
        type="button"
        aria-haspopup="menu"
        aria-expanded="false"
        aria-label=${this.label || nothing}
        title=${this.tooltip || this.label || nothing}
        @click=${this.toggle}
        @keydown=${this.onButtonKey}
      >
        ${this.text ? html`${this.text}${icon('chevron-down')}` : icon('ellipsis')}
      </button>
      <div class="menu" popover role="menu" aria-label=${this.label || this.text} @toggle=${this.onToggle} @keydown=${this.onMenuKey}>
        ${this.items.map(
          (item) => html`<button
            type="button"
            role=${item.checked === undefined ? 'menuitem' : 'menuitemradio'}
            aria-checked=${item.checked === undefined ? nothing : String(item.checked)}
            tabindex="-1"
            ?disabled=${item.disabled}
            @click=${() => this.choose(item.id)}
          >
            <span>${item.label}</span>${item.keys ? html`<span class="keys">${item.keys}</span>` : nothing}${item.checked ? icon('check') : nothing}
          </button>`,
        )}
      </div>`;
  }

  private readonly toggle = () => {
    this.menu.togglePopover();
  };

  private readonly onToggle = (event: Event) => {
    const open = (event as ToggleEvent).newState === 'open';
    this.button.setAttribute('aria-expanded', String(open));
    if (!open) return;
    placePopover(this.menu, this.button, 'right');
    this.enabled()[0]?.focus();
  };

  private readonly onButtonKey = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowDown' || event.altKey) return;
    event.preventDefault();
    this.menu.showPopover();
  };

  private readonly onMenuKey = (event: KeyboardEvent) => {
    const items = this.enabled();
    const at = items.indexOf(document.activeElement as HTMLButtonElement);
    const to: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1 + items.length,
      Home: 0,
      End: items.length - 1,
    };
    const target = to[event.key];
    if (target !== undefined) {
      event.preventDefault();
      items[target % items.length]?.focus();
    } else if (event.key === 'Tab') this.menu.hidePopover();
    event.stopPropagation();
  };

  private enabled(): HTMLButtonElement[] {
    return [...this.menu.querySelectorAll<HTMLButtonElement>('[role^=menuitem]:not(:disabled)')];
  }

  private choose(id: string): void {
    this.menu.hidePopover();
    this.button.focus();
    this.dispatchEvent(new CustomEvent('choose', { detail: id }));
  }
}

customElements.define('menu-button', MenuButton);
