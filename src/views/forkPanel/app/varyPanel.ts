import { html, type TemplateResult } from 'lit';
import { efforts } from '../protocol.ts';
import { hasVariation } from './branchRows.ts';
import { icon } from './fields.ts';
import type { Action, ReadyState, VaryKind } from './state.ts';

/** Fills rows from a list: every tick is a branch that changes just this one thing. */
export function varyPanel(state: ReadyState, kind: VaryKind, act: (action: Action) => void): TemplateResult {
  const titles: Record<VaryKind, string> = {
    models: 'Vary over models',
    prompts: 'Vary over prompts',
    efforts: 'Vary over effort',
  };
  const close = () => {
    act({ type: 'showVary', kind: null });
    document.querySelector<HTMLElement>('.matrix menu-button button')?.focus();
  };
  const body = { models: modelTicks, prompts: promptFields, efforts: effortTicks }[kind];
  return html`<fieldset class="vary" @keydown=${(event: KeyboardEvent) => event.key === 'Escape' && close()}>
    <legend>${titles[kind]}</legend>
    ${body(state, act)}
    <button type="button" class="icon-button close" aria-label="Close" title="Close" @click=${close}>${icon('close')}</button>
  </fieldset>`;
}

function modelTicks(state: ReadyState, act: (action: Action) => void): TemplateResult {
  const recorded = state.preview?.recordedModel ?? state.recordedModel;
  const add = (form: HTMLFormElement) => {
    const input = form.querySelector('input');
    const model = input?.value.trim();
    if (!input || !model) return;
    act({ type: 'varyModel', model, name: model, on: true });
    input.value = '';
  };
  return html`<div class="ticks">
      ${state.models.map(({ id, name, source }) => {
        // The recorded model is what rows have that say nothing of a model.
        const same = id === recorded;
        const model = same ? null : id;
        return tick(
          name,
          `${id} · ${source}${same ? ' · as recorded' : ''}`,
          hasVariation(state.draft.branches, { model }),
          (on) => act({ type: 'varyModel', model, name: same ? 'as recorded' : name, on }),
        );
      })}
    </div>
    <form
      class="inline"
      @submit=${(event: SubmitEvent) => {
        event.preventDefault();
        add(event.target as HTMLFormElement);
      }}
    >
      <input type="text" aria-label="Id of another model" placeholder="Another model’s id" spellcheck="false" />
      <button type="submit" class="secondary-button">Add</button>
    </form>`;
}

function effortTicks(state: ReadyState, act: (action: Action) => void): TemplateResult {
  return html`<div class="ticks">
    ${efforts.map((effort) =>
      tick(effort, '', hasVariation(state.draft.branches, { effort }), (on) => act({ type: 'varyEffort', effort, on })),
    )}
  </div>`;
}

function promptFields(_state: ReadyState, act: (action: Action) => void): TemplateResult {
  const add = (form: HTMLFormElement) => {
    const area = form.querySelector('textarea');
    const prompts = (area?.value ?? '')
      .split(/^\s*---+\s*$/m)
      .map((prompt) => prompt.trim())
      .filter(Boolean);
    if (!area || prompts.length === 0) return;
    act({ type: 'addPrompts', prompts });
    area.value = '';
    area.focus();
  };
  return html`<form
    @submit=${(event: SubmitEvent) => {
      event.preventDefault();
      add(event.target as HTMLFormElement);
    }}
  >
    <textarea rows="3" aria-label="Prompts" aria-describedby="vary-prompts-help" placeholder="A prompt for a branch of its own"></textarea>
    <div class="inline">
      <button type="submit" class="secondary-button">Add</button>
      <span class="aside" id="vary-prompts-help">Put a line with --- between several prompts.</span>
    </div>
  </form>`;
}

function tick(label: string, title: string, checked: boolean, change: (on: boolean) => void): TemplateResult {
  return html`<label class="tick" title=${title}>
    <input type="checkbox" .checked=${checked} @change=${(event: Event) => change((event.target as HTMLInputElement).checked)} />
    <span>${label}</span>
  </label>`;
}
