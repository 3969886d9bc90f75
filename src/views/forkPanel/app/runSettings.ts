import { html, nothing, type TemplateResult } from 'lit';
import type { EngineKind, ToolPolicy } from '../../../core/fork/runChoices.ts';
import type { ForkDraft } from '../protocol.ts';
import { type AgentActions, agentSettings, answeredBy } from './agentSettings.ts';
import { fieldState, radio, valueOf } from './fields.ts';
import { type Action, executorOf, type ReadyState } from './state.ts';

const engineNames: Record<EngineKind, string> = { 'in-process': 'this window', temporal: 'Temporal' };

export interface SettingsActions extends AgentActions {
  act(action: Action): void;
  startTemporal(): void;
}

/** What holds for the whole run: who answers and where, engine, limits. */
export function runSettings(state: ReadyState, actions: SettingsActions): TemplateResult {
  const startTemporal = () => actions.startTemporal();
  const agents = executorOf(state) === 'claude-code';
  const edit = (change: Partial<Omit<ForkDraft, 'session' | 'at' | 'branches'>>) =>
    actions.act({ type: 'edit', change });
  const engine = state.engines.find(({ kind }) => kind === state.draft.engine);
  return html`<section class="settings" aria-label="Run settings">
    ${answeredBy(state, edit)} ${agents ? agentSettings(state, edit, actions) : toolSettings(state, edit)}
    <fieldset class="setting">
      <legend>Run in</legend>
      <div class="choices">
        ${state.engines.map(({ kind, state: word, detail }) =>
          radio(
            'engine',
            kind,
            state.draft.engine,
            detail,
            word ? `${engineNames[kind]} (${word})` : engineNames[kind],
            () => edit({ engine: kind }),
          ),
        )}
        ${
          engine && !engine.ready
            ? html`<p class="problem warning">
              <span>${engine.detail}</span>
              ${
                engine.canStart
                  ? html`<button type="button" class="link-button" @click=${startTemporal}>Start Dev Server</button>`
                  : nothing
              }
            </p>`
            : nothing
        }
      </div>
    </fieldset>
    ${limits(state, agents, edit)}
  </section>`;
}

function toolSettings({ draft }: ReadyState, edit: (change: Partial<ForkDraft>) => void): TemplateResult {
  return html`<fieldset class="setting">
    <legend>Tools</legend>
    <div class="choices">
      ${toolChoices.map(({ policy, label, title }) =>
        radio('tools', policy, draft.tools, title, label, () => edit({ tools: policy })),
      )}
    </div>
  </fieldset>`;
}

const toolChoices: { policy: ToolPolicy; label: string; title: string }[] = [
  {
    policy: 'recorded',
    label: 'answer from the recording',
    title: 'A call equal to a recorded one gets its recorded result; any other ends the branch. Nothing is executed.',
  },
  {
    policy: 'stop',
    label: 'stop at first call',
    title: 'The branch ends at its first tool call. Nothing is executed.',
  },
];

function limits(state: ReadyState, agents: boolean, edit: (change: Partial<ForkDraft>) => void): TemplateResult {
  const { draft, problems } = state;
  const number = (field: 'timeoutMinutes' | 'budgetUsd' | 'maxSteps' | 'maxTurns', label: string, placeholder = '') => {
    const { invalid, describedBy } = fieldState(problems, field);
    return html`<input
      class="number"
      type="text"
      inputmode="decimal"
      aria-label=${label}
      title=${label}
      placeholder=${placeholder}
      aria-invalid=${invalid}
      aria-describedby=${describedBy}
      .value=${draft[field]}
      @input=${(event: Event) => edit({ [field]: valueOf(event) })}
    />`;
  };
  return html`<fieldset class="setting">
    <legend>Limits</legend>
    <div class="choices limits">
      <span>${number('timeoutMinutes', 'Time limit of a branch in minutes', '10')} min a branch</span>
      ${
        agents
          ? html`<span>${number('maxTurns', 'Most replies of an agent', 'any')} turns a branch</span>`
          : html`<span>${number('maxSteps', 'Most replies of a branch', '20')} steps a branch</span>`
      }
      <span>$ ${number('budgetUsd', `Budget of the run in US dollars; once reached nothing more is sent${agents ? ', and agents share what is left of it evenly, those that wait for their turn included' : ''}`, 'none')} a run</span>
      ${(['timeoutMinutes', 'maxSteps', 'maxTurns', 'budgetUsd'] as const).map((field) => fieldState(problems, field).text)}
    </div>
  </fieldset>`;
}
