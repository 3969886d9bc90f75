import { html, nothing, type TemplateResult } from 'lit';
import { type BranchDraft, efforts } from '../protocol.ts';
import { choice, fieldState, valueOf } from './fields.ts';
import type { ReadyState } from './state.ts';

type Edit = (change: Partial<BranchDraft>) => void;

/** The unfolded parts of a row: its own prompt, its system prompt, its options. */
export function branchParts(state: ReadyState, branch: BranchDraft, edit: Edit): TemplateResult | typeof nothing {
  if (branch.open.length === 0) return nothing;
  return html`<div class="unfolded">
    ${branch.open.includes('prompt') ? promptPart(state, branch, edit) : nothing}
    ${branch.open.includes('system') ? systemPart(state, branch, edit) : nothing}
    ${branch.open.includes('options') ? optionsPart(state, branch, edit) : nothing}
  </div>`;
}

function promptPart(state: ReadyState, branch: BranchDraft, edit: Edit): TemplateResult {
  const problem = fieldState(state.problems, `branch:${branch.key}:prompt`);
  return html`<div class="field" id=${`prompt-${branch.key}`}>
    <label for=${`prompt-text-${branch.key}`}>Prompt</label>
    <div>
      <textarea
        id=${`prompt-text-${branch.key}`}
        rows="2"
        aria-label=${`Prompt of ${branch.name}`}
        aria-invalid=${problem.invalid}
        aria-describedby=${problem.describedBy}
        .value=${branch.prompt ?? state.draft.prompt ?? state.cut.recordedPrompt ?? ''}
        @input=${(event: Event) => edit({ prompt: valueOf(event) })}
      ></textarea>
      ${problem.text}
      <p class="aside">
        ${
          branch.prompt === null
            ? 'The shared prompt. Edit it here for this branch alone.'
            : html`Own prompt.
              <button type="button" class="link-button" @click=${() => edit({ prompt: null })}>Use Shared Prompt</button>`
        }
      </p>
    </div>
  </div>`;
}

function systemPart(state: ReadyState, branch: BranchDraft, edit: Edit): TemplateResult {
  const problem = fieldState(state.problems, `branch:${branch.key}:system`);
  const { system } = branch;
  return html`<div class="field" id=${`system-${branch.key}`}>
    <label for=${`system-mode-${branch.key}`}>System</label>
    <div>
      <select
        id=${`system-mode-${branch.key}`}
        aria-label=${`System prompt of ${branch.name}`}
        .value=${system.mode}
        @change=${(event: Event) => edit({ system: { ...system, mode: valueOf(event) as typeof system.mode } })}
      >
        ${choice('recorded', 'as recorded', system.mode)} ${choice('append', 'recorded, then append', system.mode)}
        ${choice('replace', 'replace', system.mode)}
      </select>
      ${
        system.mode === 'recorded'
          ? nothing
          : html`<textarea
            rows="2"
            aria-label=${`System prompt text of ${branch.name}`}
            aria-invalid=${problem.invalid}
            aria-describedby=${problem.describedBy}
            placeholder=${system.mode === 'append' ? 'Appended to the recorded system prompt' : 'Instead of the recorded system prompt; empty sends none'}
            .value=${system.text}
            @input=${(event: Event) => edit({ system: { ...system, text: valueOf(event) } })}
          ></textarea>`
      }
      ${problem.text}
    </div>
  </div>`;
}

function optionsPart(state: ReadyState, branch: BranchDraft, edit: Edit): TemplateResult {
  const maxTokens = fieldState(state.problems, `branch:${branch.key}:maxTokens`);
  const id = (name: string) => `${name}-${branch.key}`;
  return html`<div class="field options-field" id=${id('options')}>
    <label for=${id('effort')}>Effort</label>
    <select
      id=${id('effort')}
      .value=${branch.effort ?? ''}
      @change=${(event: Event) => edit({ effort: (valueOf(event) || null) as BranchDraft['effort'] })}
    >
      ${choice('', 'as recorded', branch.effort ?? '')} ${efforts.map((effort) => choice(effort, effort, branch.effort ?? ''))}
    </select>
    <label for=${id('thinking')}>Thinking</label>
    ${thinkingField(state, branch, edit, id('thinking'))}
    <label for=${id('max')}>Max tokens</label>
    <div class="inline">
      <input
        class="number"
        id=${id('max')}
        type="text"
        inputmode="numeric"
        placeholder="as recorded"
        aria-invalid=${maxTokens.invalid}
        aria-describedby=${maxTokens.describedBy}
        .value=${branch.maxTokens}
        @input=${(event: Event) => edit({ maxTokens: valueOf(event) })}
      />
      ${maxTokens.text}
    </div>
  </div>`;
}

function thinkingField(state: ReadyState, branch: BranchDraft, edit: Edit, id: string): TemplateResult {
  const problem = fieldState(state.problems, `branch:${branch.key}:thinking`);
  const { thinking } = branch;
  const budget = html`<input
      class="number"
      type="text"
      inputmode="numeric"
      aria-label=${`Thinking budget of ${branch.name} in tokens`}
      aria-invalid=${problem.invalid}
      aria-describedby=${problem.describedBy}
      placeholder="4096"
      .value=${thinking.tokens}
      @input=${(event: Event) => edit({ thinking: { ...thinking, tokens: valueOf(event) } })}
    />
    tokens`;
  return html`<div class="inline">
    <select
      id=${id}
      .value=${thinking.mode}
      @change=${(event: Event) => edit({ thinking: { ...thinking, mode: valueOf(event) as typeof thinking.mode } })}
    >
      ${choice('recorded', 'as recorded', thinking.mode)} ${choice('off', 'off', thinking.mode)}
      ${choice('budget', 'budget of…', thinking.mode)}
    </select>
    ${thinking.mode === 'budget' ? budget : nothing} ${problem.text}
  </div>`;
}
