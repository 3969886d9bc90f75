import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Answer } from '../../../core/agent/agentFacts.ts';
import type { BranchProgress, RunProgress } from '../protocol.ts';
import { icon } from './fields.ts';
import './questionCard.ts';
import type { QuestionCard } from './questionCard.ts';

export interface RunActions {
  cancelBranch(branch: BranchProgress): void;
  compareBranch(branch: BranchProgress): void;
  /** @returns whether the answer was taken */
  answer(branch: BranchProgress, callId: string, answer: Answer): Promise<boolean>;
}

/** The branches while they run and after: their state, what they cost, the end of what they wrote. */
export function runRows(run: RunProgress, actions: RunActions): TemplateResult {
  return html`<section class="matrix" aria-labelledby="run-title">
    <div class="section-head">
      <h2 id="run-title">Branches</h2>
    </div>
    <ol class="branches running" aria-label="Branches of the run">
      ${repeat(
        run.branches,
        ({ branchId }) => branchId,
        (branch) => runRow(branch, run, actions),
      )}
    </ol>
  </section>`;
}

const stateIcons = {
  pending: 'circle-large-outline',
  running: 'loading',
  waiting: 'watch',
  completed: 'pass',
  failed: 'error',
  cancelled: 'circle-slash',
} as const;

function runRow(branch: BranchProgress, run: RunProgress, actions: RunActions): TemplateResult {
  const live = !run.interrupted && ['pending', 'running', 'waiting'].includes(branch.state);
  const state = branch.asks ? 'waits for you' : branch.state;
  return html`<li class="branch run-branch ${branch.state} ${branch.asks ? 'asks' : ''}">
    <div class="branch-line run-line">
      <span class="state ${branch.state}" role="img" aria-label=${state} title=${state}>
        ${icon(branch.asks ? 'circle-filled' : stateIcons[branch.state], branch.state === 'running' && live)}
      </span>
      <span class="name" title=${branch.name}>${branch.name}</span>
      <span class="facts model">${branch.model === branch.name ? '' : branch.model}</span>
      <span class="facts progress" title=${branch.tooltip}>${branch.facts}</span>
      ${
        live
          ? rowButton('debug-stop', `Cancel ${branch.name}`, () => actions.cancelBranch(branch))
          : rowButton('git-compare', `Compare ${branch.name} with recorded`, () => actions.compareBranch(branch))
      }
    </div>
    <p class="tail"><span>${branch.tail}</span></p>
    ${repeat(
      live ? branch.questions : [],
      ({ callId }) => callId,
      (question) => html`<question-card
        .question=${question}
        branch=${branch.name}
        @answer=${async ({ detail, target }: CustomEvent<Answer>) => {
          if (!(await actions.answer(branch, question.callId, detail))) (target as QuestionCard).askAgain();
        }}
      ></question-card>`,
    )}
    ${branch.notes.map((note) => html`<p class="aside">${icon('info')}<span>${note}</span></p>`)}
    ${
      branch.problem
        ? html`<p class="problem">${icon('error')}<span>${branch.problem.message} ${branch.problem.hint}</span></p>`
        : nothing
    }
  </li>`;
}

function rowButton(name: string, label: string, click: () => void): TemplateResult {
  return html`<button type="button" class="icon-button" title=${label} aria-label=${label} @click=${click}>${icon(name)}</button>`;
}
