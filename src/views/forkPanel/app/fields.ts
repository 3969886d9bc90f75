import { html, nothing, type TemplateResult } from 'lit';
import type { FieldProblem } from '../protocol.ts';

/** How a field shows its problem: the attributes that point at it, and the text that stands beside it. */
export interface FieldState {
  invalid: 'true' | typeof nothing;
  describedBy: string | typeof nothing;
  text: TemplateResult | typeof nothing;
}

/** @param field name as in `FieldProblem.field` */
export function fieldState(problems: readonly FieldProblem[], field: string): FieldState {
  const problem = problems.find((problem) => problem.field === field);
  if (!problem) return { invalid: nothing, describedBy: nothing, text: nothing };
  const id = `problem-${field.replace(/[^\w-]/g, '-')}`;
  return {
    invalid: 'true',
    describedBy: id,
    text: html`<p class="problem" id=${id}>${icon('error')}<span>${problem.message}</span></p>`,
  };
}

/** A codicon. It decorates: what it means stands in words beside it or in the control's label. */
export function icon(name: string, spin = false): TemplateResult {
  return html`<span class="codicon codicon-${name} ${spin ? 'codicon-modifier-spin' : ''}" aria-hidden="true"></span>`;
}

export function valueOf(event: Event): string {
  return (event.target as HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement).value;
}

/** One of several choices. */
export function radio(
  name: string,
  value: string,
  chosen: string,
  title: string,
  label: string,
  choose: () => void,
): TemplateResult {
  return html`<label class="radio" title=${title}>
    <input type="radio" name=${name} value=${value} .checked=${value === chosen} @change=${choose} />
    <span>${label}</span>
  </label>`;
}

/** An option of a list. */
export function choice(value: string, label: string, chosen: string): TemplateResult {
  return html`<option value=${value} ?selected=${value === chosen}>${label}</option>`;
}
