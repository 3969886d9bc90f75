import { html, nothing, type TemplateResult } from 'lit';
import type { PermissionPolicy, PlaceChoice } from '../../../core/agent/agentSettings.ts';
import type { AgentTexts, ForkDraft } from '../protocol.ts';
import { commandList } from './commandList.ts';
import { choice, fieldState, icon, radio, valueOf } from './fields.ts';
import './menuButton.ts';
import { executorOf, type ReadyState } from './state.ts';

type Edit = (change: Partial<Omit<ForkDraft, 'edits' | 'session' | 'at' | 'branches'>>) => void;

export interface AgentActions {
  showFiles(): void;
  /** Asks the person whether agents may go on without asking. */
  chooseBypass(): void;
}

/** Who answers in the branches. */
export function answeredBy(state: ReadyState, edit: Edit): TemplateResult {
  const chosen = executorOf(state);
  const agent = chosen === 'claude-code' ? shownAgent(state) : null;
  return html`<fieldset class="setting">
    <legend>Answered by</legend>
    <div class="choices answered">
      ${state.answerers.map(({ executor, label, detail }) =>
        radio('executor', executor, chosen, detail, label, () => edit({ executor })),
      )}
      ${agent ? whereAndHow(agent, state.draft.place, edit) : nothing} ${fieldState(state.problems, 'place').text}
    </div>
  </fieldset>`;
}

/** What is known of agents: only of a preview that was made for them. */
function shownAgent({ preview }: ReadyState): AgentTexts | null {
  return preview?.agent ?? null;
}

function whereAndHow({ place, places, login }: AgentTexts, chosen: PlaceChoice, edit: Edit): TemplateResult {
  const items = places.map(({ place: id, label, available }) => ({
    id,
    label,
    disabled: !available,
    checked: id === chosen,
  }));
  return html`<div class="where">
    <menu-button
      text=${place.text}
      label=${`Place: ${place.text}`}
      tooltip=${place.tooltip}
      .items=${items}
      @choose=${(event: CustomEvent<PlaceChoice>) => edit({ place: event.detail })}
    ></menu-button>
    <span class="facts" title=${login.tooltip}>${login.text}</span>
  </div>`;
}

/** What holds for branches that Claude Code answers: files, permissions, set-up, checks. */
export function agentSettings(state: ReadyState, edit: Edit, actions: AgentActions): TemplateResult {
  const { draft, problems } = state;
  return html`
    ${files(state, edit, actions)} ${permissions(state, edit, actions)}
    ${commandList({
      title: 'Set-up',
      item: 'Command',
      field: 'setup',
      rows: draft.setup,
      problems,
      placeholder: 'npm ci',
      describe: 'Runs in each copy before the agent starts',
      offers: shownAgent(state)?.setupOffers ?? [],
      change: (setup) => edit({ setup: setup.map(({ key, run }) => ({ key, run })) }),
    })}
    ${commandList({
      title: 'Checks',
      item: 'Check',
      field: 'check',
      rows: draft.checks,
      problems,
      placeholder: 'npm test',
      describe: 'Runs in each copy after the agent has ended: exit code 0 passes',
      named: true,
      change: (checks) =>
        edit({
          checks: checks.map(({ key, run, name = '', timeoutSeconds = null }) => ({ key, run, name, timeoutSeconds })),
        }),
    })}
  `;
}

function files(state: ReadyState, edit: Edit, actions: AgentActions): TemplateResult {
  const { mode, commit } = state.draft.files;
  const problem = fieldState(state.problems, 'files');
  const agent = shownAgent(state);
  const known = agent?.files ?? null;
  const choose = (event: Event) => edit({ files: { mode: valueOf(event) as typeof mode, commit } });
  return html`<fieldset class="setting">
    <legend>Files</legend>
    <div class="choices tight">
      <select class="quiet" aria-label="Files that agents begin with" .value=${mode} @change=${choose}>
        ${choice('turn', 'at this turn', mode)} ${choice('now', 'as they are now', mode)}
        ${choice('commit', 'at a commit…', mode)}
      </select>
      ${
        mode === 'commit'
          ? html`<input
            class="commit"
            type="text"
            spellcheck="false"
            aria-label="Commit: hash, branch or tag"
            placeholder="hash, branch or tag"
            aria-invalid=${problem.invalid}
            aria-describedby=${problem.describedBy}
            .value=${commit}
            @input=${(event: Event) => edit({ files: { mode, commit: valueOf(event) } })}
          />`
          : nothing
      }
      ${known && problem.invalid === nothing ? html`<span class="facts" title=${known.tooltip}>${known.text}</span>` : nothing}
      ${
        mode === 'turn'
          ? html`<button type="button" class="link-button" @click=${() => actions.showFiles()}>Show Files</button>`
          : nothing
      }
      ${problem.text}
      ${agent?.warnings.map((warning) => html`<p class="aside">${icon('info')}<span>${warning}</span></p>`)}
    </div>
  </fieldset>`;
}

function permissions(state: ReadyState, edit: Edit, actions: AgentActions): TemplateResult {
  const { permissions: policy, allowRecorded } = state.draft;
  const problem = fieldState(state.problems, 'permissions');
  const refused = shownAgent(state)?.bypassRefused ?? null;
  const choose = (event: Event) => {
    const select = event.target as HTMLSelectElement;
    const chosen = select.value as PermissionPolicy;
    if (chosen !== 'bypass') return edit({ permissions: chosen });
    // It stays as it was until the person has agreed to what it means.
    select.value = policy;
    actions.chooseBypass();
  };
  return html`<fieldset class="setting">
    <legend>Asks for</legend>
    <div class="choices tight">
      <select
        class="quiet"
        aria-label="What agents ask for"
        aria-invalid=${problem.invalid}
        aria-describedby=${problem.describedBy}
        title=${permissionTitles[policy]}
        .value=${policy}
        @change=${choose}
      >
        ${choice('ask', 'what is not allowed', policy)} ${choice('deny', 'nothing, and denies it', policy)}
        <option value="bypass" ?selected=${policy === 'bypass'} ?disabled=${refused !== null} title=${refused ?? ''}>
          ${refused === null ? 'nothing, and runs everything…' : 'nothing, and runs everything (overlay or container only)'}
        </option>
      </select>
      ${
        policy === 'bypass'
          ? nothing
          : html`<label class="tick" title="Shell commands that the recorded turn ran go through without a question">
            <input
              type="checkbox"
              .checked=${allowRecorded}
              @change=${(event: Event) => edit({ allowRecorded: (event.target as HTMLInputElement).checked })}
            />
            <span>commands equal to recorded ones go through</span>
          </label>`
      }
      ${problem.text}
    </div>
  </fieldset>`;
}

const permissionTitles: Record<PermissionPolicy, string> = {
  ask: 'Edits in its own copy go through, and what your Claude Code settings allow. All else waits for you.',
  deny: 'What would be asked for is denied with a message to the agent, and listed on the branch.',
  bypass: 'Every tool call and every command runs at once.',
};
