import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { AgentTexts, FieldProblem } from '../protocol.ts';
import { fieldState, icon, valueOf } from './fields.ts';

interface Row {
  key: string;
  run: string;
  name?: string;
  timeoutSeconds?: number | null;
}

export interface CommandList {
  title: string;
  /** What one of them is called: `Check`. */
  item: string;
  /** As in `FieldProblem.field`, before the key. */
  field: string;
  rows: readonly Row[];
  problems: readonly FieldProblem[];
  placeholder: string;
  /** What becomes of a command, for the tooltip. */
  describe: string;
  /** Do they have names? */
  named?: boolean;
  /** What was found for other tools, to be taken over. */
  offers?: AgentTexts['setupOffers'];
  change(rows: Row[]): void;
}

/** Commands as fields that can be added and removed. */
export function commandList(list: CommandList): TemplateResult {
  const { title, item, rows } = list;
  const add = (event: Event) => {
    list.change([...rows, { key: freeKey(rows), run: '' }]);
    const fieldset = (event.currentTarget as HTMLElement).closest('fieldset');
    requestAnimationFrame(() => [...(fieldset?.querySelectorAll<HTMLElement>('input.command') ?? [])].at(-1)?.focus());
  };
  return html`<fieldset class="setting">
    <legend>${title}</legend>
    <div class="choices tight">
      ${repeat(
        rows,
        ({ key }) => key,
        (row, index) => commandRow(list, row, index),
      )}
      <button type="button" class="text-button" aria-label=${`Add ${item}`} title=${list.describe} @click=${add}>
        ${icon('add')}${item}
      </button>
      ${(list.offers ?? []).map((offer) => offerRow(list, offer))}
    </div>
  </fieldset>`;
}

function commandRow(list: CommandList, row: Row, index: number): TemplateResult {
  const { item, field, rows } = list;
  const run = fieldState(list.problems, `${field}:${row.key}:run`);
  const name = fieldState(list.problems, `${field}:${row.key}:name`);
  const spoken = `${item} ${index + 1}`;
  const edit = (change: Partial<Row>) =>
    list.change(rows.map((other) => (other.key === row.key ? { ...other, ...change } : other)));
  const remove = (event: Event) => {
    const fieldset = (event.currentTarget as HTMLElement).closest('fieldset');
    list.change(rows.filter(({ key }) => key !== row.key));
    requestAnimationFrame(() => fieldset?.querySelector<HTMLElement>('.text-button')?.focus());
  };
  const input = (cls: string, label: string, state: typeof run, value: string, placeholder: string, key: keyof Row) =>
    html`<input
      class=${cls}
      type="text"
      spellcheck="false"
      aria-label=${label}
      title=${label}
      placeholder=${placeholder}
      aria-invalid=${state.invalid}
      aria-describedby=${state.describedBy}
      .value=${value}
      @input=${(event: Event) => edit({ [key]: valueOf(event) })}
    />`;
  return html`<span class="command-row">
      ${input('command', `${spoken}: ${list.describe.charAt(0).toLowerCase()}${list.describe.slice(1)}`, run, row.run, list.placeholder, 'run')}
      ${list.named ? input('command-name', `Name of ${spoken.toLowerCase()}`, name, row.name ?? '', 'name', 'name') : nothing}
      <button type="button" class="icon-button" aria-label=${`Remove ${spoken.toLowerCase()}`} title="Remove" @click=${remove}>
        ${icon('close')}
      </button>
    </span>
    ${run.text} ${name.text}`;
}

/** Nothing of an offer runs before the person has taken it over. */
function offerRow(list: CommandList, { source, text, commands }: AgentTexts['setupOffers'][number]): TemplateResult {
  const use = (event: Event) => {
    const fieldset = (event.currentTarget as HTMLElement).closest('fieldset');
    const missing = commands.filter((command) => list.rows.every(({ run }) => run !== command));
    const kept = list.rows.filter(({ run }) => run.trim() !== '');
    list.change(missing.reduce<Row[]>((rows, run) => [...rows, { key: freeKey([...list.rows, ...rows]), run }], kept));
    requestAnimationFrame(() => [...(fieldset?.querySelectorAll<HTMLElement>('input.command') ?? [])].at(-1)?.focus());
  };
  return html`<p class="aside offer">
    <span>${`${list.title} found in ${source}:`} <code title=${text}>${text}</code></span>
    <button type="button" class="link-button" aria-label=${`Use the ${list.title.toLowerCase()} of ${source}`} @click=${use}>
      Use
    </button>
  </p>`;
}

function freeKey(rows: readonly Row[]): string {
  const numbers = rows.map(({ key }) => Number(/(\d+)$/.exec(key)?.[1] ?? 0));
  return `n${Math.max(0, ...numbers) + 1}`;
}
