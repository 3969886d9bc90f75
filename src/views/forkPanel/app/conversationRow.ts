import { html, nothing, type TemplateResult } from 'lit';
import type { ForkPoint } from '../../../core/fork/forkRequest.ts';
import type { ConversationRow, RowPart } from '../protocol.ts';
import { icon } from './fields.ts';
import { markdown } from './markdown.ts';

export interface RowView {
  row: number;
  /** After the cut: recorded, but not part of the fork. */
  baseline: boolean;
  sameSpeaker: boolean;
  dropClass: string;
  tabStop: boolean;
  expanded: boolean;
  details: unknown;
  editable: boolean;
  toggle(): void;
  cutAt(at: ForkPoint): void;
}

/** One line of the conversation. */
export function conversationRow(data: ConversationRow, view: RowView): TemplateResult {
  if (data.kind === 'note') {
    return html`<div class="row note-row" data-row=${view.row} tabindex=${view.tabStop ? 0 : -1}>
      <span>${data.text}</span><span class="facts">${data.facts}</span>
    </div>`;
  }
  const who = data.kind === 'prompt' ? 'You' : 'Claude';
  const onKey = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || (event.key !== 'Enter' && event.key !== ' ')) return;
    if (event.ctrlKey || event.metaKey || !data.expandable) return;
    event.preventDefault();
    view.toggle();
  };
  return html`<div
    class="row ${data.kind} ${view.baseline ? 'baseline' : ''} ${data.faded ? 'faded' : ''} ${view.dropClass}"
    role="group"
    aria-label=${`${who}, turn ${data.turn}${view.baseline ? ', recorded' : ''}`}
    data-row=${view.row}
    tabindex=${view.tabStop ? 0 : -1}
    title=${data.tooltip}
    @keydown=${onKey}
  >
    <span class="who ${view.sameSpeaker ? 'same' : ''}">${who}</span>
    <div class="said">
      ${view.expanded && view.details !== nothing ? view.details : html`<p class="text">${data.text}</p>`}
      ${rowProblem(data.problem)}
    </div>
    <span class="facts">${data.facts}</span>
    ${rowButtons(data, view)}
  </div>`;
}

function rowProblem(problem: string | null): TemplateResult | typeof nothing {
  if (problem === null) return nothing;
  const interrupted = problem === 'interrupted';
  return html`<p class="problem ${interrupted ? 'interrupted' : ''}">
    ${icon(interrupted ? 'circle-slash' : 'error')}<span>${problem}</span>
  </p>`;
}

function rowButtons(data: ConversationRow, view: RowView): TemplateResult {
  const tab = view.tabStop ? 0 : -1;
  const at = data.kind === 'prompt' ? data.cutBefore : data.cutAfter;
  const cutLabel = data.kind === 'prompt' ? 'Fork before this prompt' : 'Fork after this step';
  return html`<span class="row-buttons">
    ${
      at && view.editable
        ? html`<button type="button" class="icon-button" tabindex=${tab} title=${cutLabel} aria-label=${cutLabel} @click=${() => view.cutAt(at)}>
          ${icon('repo-forked')}
        </button>`
        : nothing
    }
    ${
      data.expandable
        ? html`<button
          type="button"
          class="icon-button"
          tabindex=${tab}
          title=${view.expanded ? 'Show less' : 'Show all'}
          aria-label=${view.expanded ? 'Show less' : 'Show all'}
          aria-expanded=${String(view.expanded)}
          @click=${() => view.toggle()}
        >
          ${icon(view.expanded ? 'chevron-up' : 'chevron-down')}
        </button>`
        : nothing
    }
  </span>`;
}

/** Everything behind a row, unfolded. Prompts are shown as they were typed, replies with markdown's shapes. */
export function rowParts(
  kind: ConversationRow['kind'],
  parts: RowPart[],
  openLink: (href: string) => void,
): TemplateResult {
  return html`${parts.map((part) => {
    if (part.kind === 'text') {
      return kind === 'reply' ? markdown(part.text, openLink) : html`<p class="text whole">${part.text}</p>`;
    }
    const icons = { call: 'tools', result: 'output', error: 'error', thinking: 'lightbulb' } as const;
    return html`<div class="part ${part.kind}">
      <p class="part-title">${icon(icons[part.kind])}<span>${part.title}</span></p>
      ${part.text ? html`<pre tabindex="0" aria-label=${part.title}>${part.text}</pre>` : nothing}
    </div>`;
  })}`;
}
