import { html, nothing, type TemplateResult } from 'lit';
import { icon } from './fields.ts';
import type { ReadyState } from './state.ts';

/** Which session is forked where, and how faithfully. */
export function panelHeader(state: ReadyState): TemplateResult {
  return html`<header>
    <h1>
      <span class="kind">Fork</span>
      <span class="session" title=${state.title}>${state.title}</span>
      ${icon('chevron-right')}
      <span class="point" title=${state.cut.label}>${state.cut.label}</span>
    </h1>
    ${fidelity(state)}
  </header>`;
}

function fidelity({ preview, problems }: ReadyState): TemplateResult {
  if (!preview) {
    const waiting = problems.length === 0;
    return html`<p class="fidelity">${icon(waiting ? 'loading' : 'circle-outline', waiting)}<span>${waiting ? 'Rebuilding the request…' : 'Not rebuilt yet.'}</span></p>`;
  }
  const exact = preview.fidelity === 'exact';
  const words = html`${icon(exact ? 'verified-filled' : 'warning')}<strong>${preview.fidelity}</strong>
    <span>${preview.fidelityText}</span>`;
  const list = (items: readonly string[]) => html`<ul>
    ${items.map((item) => html`<li>${item}</li>`)}
  </ul>`;
  return html`<details class="fidelity ${preview.fidelity}">
    <summary>
      ${words}<span class="prefix" title=${preview.prefixDetails.join('\n')}>${preview.prefixText}</span>
      <span class="more">Details</span>
    </summary>
    ${preview.missing.length > 0 ? html`<p>Missing:</p>${list(preview.missing)}` : nothing}
    <p>Beginning of the request:</p>
    ${list(preview.prefixDetails)}
  </details>`;
}

/** Things the person should see once: a failed call, a draft that was taken up again, a recording that is gone. */
export function notices(state: ReadyState, actions: { dismiss(): void; startOver(): void }): TemplateResult {
  return html`<div class="notices" role="status">
    ${
      state.notice
        ? html`<p class="notice error">
          ${icon('error')}<span>${state.notice.message} ${state.notice.hint}</span>
          <button type="button" class="icon-button" aria-label="Dismiss" title="Dismiss" @click=${() => actions.dismiss()}>${icon('close')}</button>
        </p>`
        : nothing
    }
    ${
      state.gone
        ? html`<p class="notice warning">
          ${icon('warning')}<span>The recording was deleted or can’t be read any more. What you filled in stays here.</span>
        </p>`
        : nothing
    }
    ${
      state.restored && !state.run
        ? html`<p class="notice">
          ${icon('history')}<span>Taken up where you left it.</span>
          <button type="button" class="link-button" @click=${() => actions.startOver()}>Start Over</button>
          <button type="button" class="icon-button" aria-label="Dismiss" title="Dismiss" @click=${() => actions.dismiss()}>${icon('close')}</button>
        </p>`
        : nothing
    }
  </div>`;
}
