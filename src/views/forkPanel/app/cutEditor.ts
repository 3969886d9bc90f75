import { html, nothing, type TemplateResult } from 'lit';
import { fieldState, valueOf } from './fields.ts';
import type { ReadyState } from './state.ts';

/** The line that parts what is kept from what was recorded after it. A slider to the keyboard, a handle to the pointer. */
export function cutLine(
  state: ReadyState,
  actions: { drag(event: PointerEvent): void; move(by: -1 | 1): void },
): TemplateResult {
  const { cut } = state;
  const problem = fieldState(state.problems, 'cut');
  const onKey = (event: KeyboardEvent) => {
    if (event.altKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
    event.preventDefault();
    event.stopPropagation();
    actions.move(event.key === 'ArrowUp' ? -1 : 1);
  };
  return html`<div
      class="cut-line"
      role="slider"
      tabindex="0"
      aria-label="Fork point"
      aria-orientation="vertical"
      aria-valuemin="1"
      aria-valuemax=${Math.max(1, cut.stops)}
      aria-valuenow=${Math.max(1, cut.stop)}
      aria-valuetext=${cut.label}
      aria-disabled=${state.run ? 'true' : nothing}
      aria-describedby=${problem.describedBy}
      aria-invalid=${problem.invalid}
      title="Drag, or Alt+Up and Alt+Down, to move the fork point"
      @pointerdown=${(event: PointerEvent) => actions.drag(event)}
      @keydown=${onKey}
    >
      <span>fork here</span>
    </div>
    ${problem.text}`;
}

/** The prompt at the cut, ready to edit: shared by all branches without one of their own. */
export function promptEditor(state: ReadyState, edit: (prompt: string | null) => void): TemplateResult {
  const { cut, draft, run } = state;
  const problem = fieldState(state.problems, 'prompt');
  const recorded = cut.recordedPrompt;
  const changed = draft.prompt !== null && draft.prompt !== (recorded ?? '');
  return html`<div class="row editor">
    <label class="who" for="shared-prompt">You</label>
    <div class="said">
      <textarea
        id="shared-prompt"
        rows="1"
        aria-label="Prompt for all branches"
        aria-invalid=${problem.invalid}
        aria-describedby=${problem.describedBy}
        placeholder=${recorded === null ? 'Next prompt; empty after tool results lets the model go on' : 'Prompt'}
        ?readonly=${run !== null}
        .value=${draft.prompt ?? recorded ?? ''}
        @input=${(event: Event) => edit(valueOf(event))}
      ></textarea>
      ${problem.text}
      ${
        changed && recorded !== null && !run
          ? html`<p class="aside">
            Edited for all branches.
            <button type="button" class="link-button" @click=${() => edit(null)}>Use Recorded Prompt</button>
          </p>`
          : nothing
      }
    </div>
  </div>`;
}
