import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';
import type { Answer } from '../../../core/agent/agentFacts.ts';
import type { QuestionView } from '../protocol.ts';
import { icon, valueOf } from './fields.ts';
import './menuButton.ts';

const scopes = [
  { id: 'branch', label: 'Allow for This Branch' },
  { id: 'run', label: 'Allow for This Run' },
];

/** A question of an agent, to be answered in its branch's row. Fires `answer` with the `Answer`. */
export class QuestionCard extends LitElement {
  @property({ attribute: false }) question!: QuestionView;
  /** Name of the branch that asks. */
  @property() branch = '';
  @state() private denying = false;
  @state() private message = '';
  /** Chosen options by question text. */
  @state() private chosen: Record<string, string[]> = {};
  @state() private other: Record<string, string> = {};
  @state() private sent = false;

  protected override createRenderRoot() {
    return this;
  }

  protected override willUpdate(changed: Map<string, unknown>) {
    const before = changed.get('question') as QuestionView | undefined;
    // The same question is told anew several times a second while other branches run.
    if (before === undefined || before.callId === this.question.callId) return;
    this.denying = false;
    this.message = '';
    this.chosen = {};
    this.other = {};
    this.sent = false;
  }

  protected override render(): TemplateResult {
    const { question } = this;
    const heading = { permission: `${question.tool} asks`, plan: 'Plan to approve', choices: 'Question' }[
      question.kind
    ];
    return html`<section class="question" aria-label=${`${this.branch}: ${heading}: ${question.title}`}>
      <p class="question-title">
        <strong>${heading}</strong>${question.reason === null ? nothing : html`<span class="facts">${question.reason}</span>`}
      </p>
      ${
        question.lines.length > 0
          ? html`<pre class="question-lines" tabindex="0" aria-label=${question.title}>${question.lines.map(line)}</pre>`
          : nothing
      }
      ${question.choices.map((choice, index) => this.choiceField(choice, index))}
      ${this.denying ? this.denyField() : this.buttons()}
    </section>`;
  }

  /** The answer did not arrive. */
  askAgain(): void {
    this.sent = false;
  }

  private buttons(): TemplateResult {
    const { kind } = this.question;
    const words = {
      permission: { yes: 'Allow', no: 'Deny…' },
      plan: { yes: 'Approve Plan', no: 'Keep Planning…' },
      choices: { yes: 'Answer', no: 'Decline…' },
    }[kind];
    const incomplete = kind === 'choices' && !this.complete();
    return html`<div class="question-buttons">
      <vscode-button ?disabled=${this.sent || incomplete} @click=${() => this.allow('call')}>${words.yes}</vscode-button>
      ${
        kind === 'permission'
          ? html`<menu-button
            text="Allow for…"
            label=${`Allow for longer: ${this.question.title}`}
            .items=${scopes}
            @choose=${(event: CustomEvent<'branch' | 'run'>) => this.allow(event.detail)}
          ></menu-button>`
          : nothing
      }
      <vscode-button secondary ?disabled=${this.sent} @click=${this.startDenying}>${words.no}</vscode-button>
    </div>`;
  }

  private denyField(): TemplateResult {
    return html`<form
      class="question-buttons"
      @submit=${(event: SubmitEvent) => {
        event.preventDefault();
        this.deny();
      }}
      @keydown=${(event: KeyboardEvent) => {
        if (event.key === 'Escape') this.denying = false;
      }}
    >
      <input
        type="text"
        class="deny-message"
        aria-label="Message to the agent"
        placeholder="What the agent is told (optional)"
        .value=${this.message}
        @input=${(event: Event) => {
          this.message = valueOf(event);
        }}
      />
      <button type="submit" class="secondary-button" ?disabled=${this.sent}>${this.question.kind === 'plan' ? 'Keep Planning' : 'Deny'}</button>
      <button type="button" class="icon-button" aria-label="Back" title="Back" @click=${() => (this.denying = false)}>
        ${icon('close')}
      </button>
    </form>`;
  }

  private choiceField({ question, text, header, several, options }: QuestionView['choices'][number], index: number) {
    const chosen = this.chosen[question] ?? [];
    const toggle = (label: string) => {
      const before = this.chosen[question] ?? [];
      const others = several ? before.filter((other) => other !== label) : [];
      this.chosen = { ...this.chosen, [question]: before.includes(label) && several ? others : [...others, label] };
      if (!several) this.other = { ...this.other, [question]: '' };
    };
    return html`<fieldset class="question-choices">
      <legend>${header ? html`<span class="facts">${header}</span> ` : nothing}${text}</legend>
      ${options.map(
        ({ label, text: shown, description }) => html`<label class="tick" title=${description}>
          <input
            type=${several ? 'checkbox' : 'radio'}
            name=${`${this.question.callId}-${index}`}
            .checked=${chosen.includes(label)}
            @change=${() => toggle(label)}
          />
          <span>${shown}</span>${description ? html`<span class="facts">${description}</span>` : nothing}
        </label>`,
      )}
      <input
        type="text"
        class="other"
        aria-label=${`Another answer to: ${text}`}
        placeholder="Another answer"
        .value=${this.other[question] ?? ''}
        @input=${(event: Event) => {
          this.other = { ...this.other, [question]: valueOf(event) };
          if (!several) this.chosen = { ...this.chosen, [question]: [] };
        }}
      />
    </fieldset>`;
  }

  private answers(): Record<string, string> {
    return Object.fromEntries(
      this.question.choices.map(({ question }) => {
        const other = this.other[question]?.trim() ?? '';
        return [question, [...(this.chosen[question] ?? []), other].filter(Boolean).join(', ')];
      }),
    );
  }

  private complete(): boolean {
    return Object.values(this.answers()).every((answer) => answer !== '');
  }

  private readonly startDenying = () => {
    this.denying = true;
    void this.updateComplete.then(() => this.querySelector<HTMLInputElement>('.deny-message')?.focus());
  };

  private allow(scope: Answer['scope']): void {
    const answers = this.question.kind === 'choices' ? { answers: this.answers() } : {};
    this.send({ behavior: 'allow', scope, ...answers });
  }

  private deny(): void {
    const message = this.message.trim();
    this.send({ behavior: 'deny', scope: 'call', ...(message !== '' && { message }) });
  }

  private send(answer: Answer): void {
    if (this.sent) return;
    this.sent = true;
    this.dispatchEvent(new CustomEvent('answer', { detail: answer }));
  }
}

function line({ kind, text }: QuestionView['lines'][number]): TemplateResult {
  const sign = { same: '', added: '+ ', removed: '- ' }[kind];
  return html`<span class=${kind}>${sign}${text}
</span>`;
}

customElements.define('question-card', QuestionCard);
