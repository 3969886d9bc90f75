import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { BranchDraft } from '../protocol.ts';
import { branchParts } from './branchParts.ts';
import { type FieldState, fieldState, icon, valueOf } from './fields.ts';
import './menuButton.ts';
import './modelBox.ts';
import type { Action, ReadyState, VaryKind } from './state.ts';
import { varyPanel } from './varyPanel.ts';
import { wordDiff } from './wordDiff.ts';

export interface MatrixActions {
  act(action: Action): void;
  /** The list of models is about to be seen. */
  modelsWanted(): void;
}

const varyItems = [
  { id: 'models', label: 'Models…' },
  { id: 'prompts', label: 'Prompts…' },
  { id: 'efforts', label: 'Effort…' },
];

/** The branches as rows: what each changes against the recording. */
export function branchMatrix(state: ReadyState, actions: MatrixActions): TemplateResult {
  const { branches } = state.draft;
  const problem = fieldState(state.problems, 'branches');
  return html`<section class="matrix" aria-labelledby="branches-title">
    <div class="section-head">
      <h2 id="branches-title">Branches</h2>
      <menu-button
        text="Vary over…"
        .items=${varyItems}
        @choose=${(event: CustomEvent<VaryKind>) => {
          if (event.detail === 'models') actions.modelsWanted();
          actions.act({ type: 'showVary', kind: event.detail });
        }}
      ></menu-button>
      <button type="button" class="text-button" @click=${() => actions.act({ type: 'addBranch' })}>${icon('add')}Branch</button>
    </div>
    ${state.vary === null ? nothing : varyPanel(state, state.vary, (action) => actions.act(action))}
    <ol class="branches" aria-label="Branches">
      ${repeat(
        branches,
        ({ key }) => key,
        (branch, index) => branchRow(state, branch, index, actions),
      )}
    </ol>
    ${problem.text}
  </section>`;
}

function branchRow(state: ReadyState, branch: BranchDraft, index: number, actions: MatrixActions): TemplateResult {
  const field = (name: string) => fieldState(state.problems, `branch:${branch.key}:${name}`);
  const [name, model, repeats] = [field('name'), field('model'), field('repeats')];
  const edit = (change: Partial<BranchDraft>) => actions.act({ type: 'editBranch', key: branch.key, change });
  const notes = state.preview?.branchNotes.find(({ key }) => key === branch.key)?.notes ?? [];
  return html`<li class="branch" data-key=${branch.key} @keydown=${(event: KeyboardEvent) => onRowKey(event, branch, actions)}>
    <div class="branch-line">
      <input
        class="name"
        type="text"
        aria-label=${`Name of branch ${index + 1}`}
        aria-invalid=${name.invalid}
        aria-describedby=${name.describedBy}
        .value=${branch.name}
        title=${branch.name}
        @input=${(event: Event) => edit({ name: valueOf(event) })}
      />
      <model-box
        .label=${`Model of ${spokenName(branch, index)}`}
        .value=${branch.model}
        .recorded=${recordedModel(state)}
        .models=${state.models}
        .note=${state.modelsNote}
        .invalid=${model.invalid}
        .describedBy=${model.describedBy}
        @wanted=${() => actions.modelsWanted()}
        @model=${(event: CustomEvent<string | null>) => edit({ model: event.detail })}
      ></model-box>
      <span class="parts">${partButtons(branch, index, actions)}</span>
      <label class="repeats" title="How often this branch runs">
        <span aria-hidden="true">×</span>
        <input
          type="text"
          inputmode="numeric"
          aria-label=${`Repeats of ${spokenName(branch, index)}`}
          aria-invalid=${repeats.invalid}
          aria-describedby=${repeats.describedBy}
          .value=${branch.repeats}
          @input=${(event: Event) => edit({ repeats: valueOf(event) })}
        />
      </label>
      ${rowMenu(state, branch, index, actions)}
    </div>
    ${[name, model, repeats].map(({ text }: FieldState) => text)}
    ${ownPromptDiff(state, branch)}
    ${branchParts(state, branch, edit)}
    ${notes.map((note) => html`<p class="aside">${icon('info')}<span>${note}</span></p>`)}
  </li>`;
}

/** The recorded model, as the preview knows it: that is the one that would be asked. */
export function recordedModel({ preview, recordedModel, models }: ReadyState): { id: string | null; name: string } {
  if (preview) return { id: preview.recordedModel, name: preview.recordedModelName };
  return { id: recordedModel, name: models.find(({ id }) => id === recordedModel)?.name ?? recordedModel ?? '' };
}

/** For screen readers, also while the name is still empty. */
function spokenName(branch: BranchDraft, index: number): string {
  return branch.name.trim() || `branch ${index + 1}`;
}

const parts = ['prompt', 'system', 'options'] as const;

function partButtons(branch: BranchDraft, index: number, actions: MatrixActions): TemplateResult[] {
  return parts.map((part) => {
    const changed = partSummary(branch, part);
    const open = branch.open.includes(part);
    return html`<button
      type="button"
      class="part-button ${changed ? 'changed' : ''}"
      aria-expanded=${String(open)}
      aria-controls=${`${part}-${branch.key}`}
      aria-label=${`${part} of ${spokenName(branch, index)}: ${changed || 'as recorded'}`}
      title=${`${part}: ${changed || 'as recorded'}`}
      @click=${() => actions.act({ type: 'unfold', key: branch.key, part })}
    >
      <span>${changed || part}</span>${icon(open ? 'chevron-down' : 'chevron-right')}
    </button>`;
  });
}

/** What a part changes, in a word or two; empty where nothing. */
function partSummary(branch: BranchDraft, part: (typeof parts)[number]): string {
  if (part === 'prompt') return branch.prompt === null ? '' : 'own prompt';
  if (part === 'system') {
    return { recorded: '', append: 'system +', replace: 'own system' }[branch.system.mode];
  }
  const thinking = { recorded: '', off: 'no thinking', budget: `thinking ${branch.thinking.tokens}` }[
    branch.thinking.mode
  ];
  return [
    branch.effort ? `${branch.effort} effort` : '',
    thinking,
    branch.maxTokens.trim() ? `max ${branch.maxTokens.trim()}` : '',
  ]
    .filter(Boolean)
    .join(', ');
}

/** What a folded row's own prompt changes against the shared one. */
function ownPromptDiff(state: ReadyState, branch: BranchDraft): TemplateResult | typeof nothing {
  if (branch.prompt === null || branch.open.includes('prompt')) return nothing;
  const pieces = wordDiff(state.draft.prompt ?? state.cut.recordedPrompt ?? '', branch.prompt);
  if (!pieces) return html`<p class="own-prompt">${branch.prompt}</p>`;
  return html`<p class="own-prompt">
    ${pieces.map(({ kind, text }) => (kind === 'added' ? html`<ins>${text}</ins>` : kind === 'removed' ? html`<del>${text}</del>` : text))}
  </p>`;
}

function rowMenu(state: ReadyState, branch: BranchDraft, index: number, actions: MatrixActions): TemplateResult {
  const items = [
    { id: 'duplicate', label: 'Duplicate' },
    { id: 'up', label: 'Move Up', keys: 'Alt+Shift+Up', disabled: index === 0 },
    { id: 'down', label: 'Move Down', keys: 'Alt+Shift+Down', disabled: index === state.draft.branches.length - 1 },
    { id: 'remove', label: 'Remove' },
  ];
  const { key } = branch;
  const choose = (event: CustomEvent<string>) => {
    if (event.detail === 'duplicate') actions.act({ type: 'duplicateBranch', key });
    else if (event.detail === 'remove') actions.act({ type: 'removeBranch', key });
    else actions.act({ type: 'moveBranch', key, by: event.detail === 'up' ? -1 : 1 });
  };
  return html`<menu-button label=${`More actions for ${spokenName(branch, index)}`} .items=${items} @choose=${choose}></menu-button>`;
}

function onRowKey(event: KeyboardEvent, branch: BranchDraft, actions: MatrixActions): void {
  if (!event.altKey || !event.shiftKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
  event.preventDefault();
  event.stopPropagation();
  const target = event.target as HTMLElement;
  actions.act({ type: 'moveBranch', key: branch.key, by: event.key === 'ArrowUp' ? -1 : 1 });
  // Moving the row in the DOM takes the focus off its field.
  requestAnimationFrame(() => target.focus());
}
