// @vitest-environment jsdom
import { beforeAll, describe, expect, it } from 'vitest';
import type { PreviewTexts } from '../../../../../src/views/forkPanel/protocol.ts';

/** What the test needs of the page; the browser code itself is checked with the types of a browser. */
interface Element {
  textContent: string;
  getAttribute(name: string): string | null;
  querySelector(selector: string): Element | null;
  querySelectorAll(selector: string): Iterable<Element>;
}
const page = (globalThis as unknown as { document: { body: Element } }).document;

let show: (preview: Partial<PreviewTexts> | null) => void;

beforeAll(async () => {
  // Named at run time: these modules are no part of the tests' own type check, which knows no browser.
  const app = new URL('../../../../../src/views/forkPanel/app/panelHeader.ts', import.meta.url).pathname;
  const { panelHeader } = (await import(app)) as { panelHeader: (state: unknown) => unknown };
  const lit = 'lit';
  const { render } = (await import(lit)) as { render: (template: unknown, into: unknown) => void };
  show = (preview) =>
    render(panelHeader({ title: 'T', cut: { label: 'before “B”' }, preview, problems: [] }), page.body);
});

const exact: Partial<PreviewTexts> = {
  fidelity: 'exact',
  fidelityText: 'Rebuilt.',
  missing: [],
  prefixText: 'All 3 messages as recorded; the prompt cache can hit.',
  prefixDetails: ['One.', 'Two.'],
};

function items(): string[] {
  return [...page.body.querySelectorAll('li')].map(({ textContent }) => textContent);
}

describe('the header of the fork panel', () => {
  it('says in one line how much begins as recorded, with the details in a tooltip and behind it', () => {
    show(exact);
    const prefix = page.body.querySelector('.fidelity.exact summary .prefix');
    expect(prefix?.textContent).toBe(exact.prefixText);
    expect(prefix?.getAttribute('title')).toBe('One.\nTwo.');
    expect(items()).toEqual(['One.', 'Two.']);
    expect(page.body.textContent).not.toContain('Missing');
  });

  it('lists what is missing before it', () => {
    show({ ...exact, fidelity: 'reconstructed', missing: ['system prompt'] });
    expect(page.body.querySelector('.fidelity.reconstructed')).not.toBeNull();
    expect(items()).toEqual(['system prompt', 'One.', 'Two.']);
  });

  it('shows nothing of it before the request is rebuilt', () => {
    show(null);
    expect(page.body.querySelector('.prefix')).toBeNull();
    expect(page.body.textContent).toContain('Rebuilding the request…');
  });
});
