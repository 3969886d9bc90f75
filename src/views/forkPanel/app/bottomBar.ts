import { html, nothing, type TemplateResult } from 'lit';
import type { Blocked, Step } from '../protocol.ts';
import { fieldState, icon } from './fields.ts';
import { isLive, type Primary, primaryOf, type ReadyState } from './state.ts';

export interface BarActions {
  primary(): void;
  /** Does something about what keeps the fork from running. */
  takeStep(step: Step['do']): void;
  retry(): void;
  newRun(): void;
}

/** What will be sent where and what it may cost, and the one button that does it. */
export function bottomBar(state: ReadyState, actions: BarActions): TemplateResult {
  const primary = primaryOf(state);
  const keys = navigator.platform.startsWith('Mac') ? '⌘Enter' : 'Ctrl+Enter';
  return html`<footer>
    <div class="bar-text">
      ${state.run ? html`<p class="facts-line">${state.run.summary}</p>` : beforeRun(state, actions)}
    </div>
    <div class="bar-buttons">
      ${state.run && !isLive(state.run) ? afterRun(state, primary, actions) : nothing}
      <vscode-button
        ?secondary=${primary.act === 'cancel'}
        ?disabled=${!primary.enabled}
        title=${`${primary.label} (${keys})`}
        aria-describedby="run-facts"
        @click=${(event: MouseEvent) => {
          // By the second half of a double click the button may already say Cancel.
          if (event.detail <= 1) actions.primary();
        }}
        >${primary.label}</vscode-button
      >
    </div>
  </footer>`;
}

function beforeRun(state: ReadyState, actions: BarActions): TemplateResult {
  const { preview, problems, blocked } = state;
  const fields = problems.filter(({ field }) => field !== 'run').length;
  const stale = state.previewOf !== state.revision || problems.length > 0;
  return html`
    ${fieldState(problems, 'run').text} ${blocked ? blockedText(blocked, actions) : nothing}
    ${
      fields > 0
        ? html`<p class="problem">${icon('error')}<span>${fields === 1 ? 'One field needs' : `${fields} fields need`} another look.</span></p>`
        : nothing
    }
    ${preview?.notes.map((note) => html`<p class="aside">${icon('info')}<span>${note}</span></p>`)}
    ${
      preview
        ? html`<p class="facts-line ${stale ? 'stale' : ''}" id="run-facts">
          ${preview.facts.map(({ text, tooltip }) => html`<span class="fact" title=${tooltip}>${text}</span>`)}
        </p>`
        : html`<p class="facts-line" id="run-facts"></p>`
    }
  `;
}

/** Why nothing can answer, and the ways out of it. */
function blockedText({ message, steps }: Blocked, actions: BarActions): TemplateResult {
  return html`<p class="problem blocked" role="alert">
    ${icon('error')}<span
      >${message}
      ${steps.map(
        ({ do: step, label }) =>
          html`<button type="button" class="link-button" @click=${() => actions.takeStep(step)}>${label}</button> `,
      )}</span
    >
  </p>`;
}

function afterRun(state: ReadyState, primary: Primary, actions: BarActions): TemplateResult {
  const failed =
    state.run?.branches.some((branch) => branch.state === 'failed' || branch.state === 'cancelled') ?? false;
  return html`
    <vscode-button secondary title="Change the fork and run it again as a new run" @click=${() => actions.newRun()}>Edit Fork</vscode-button>
    ${
      failed && primary.act === 'compare'
        ? html`<vscode-button secondary @click=${() => actions.retry()}>Retry Failed</vscode-button>`
        : nothing
    }
  `;
}
