// @vitest-environment jsdom
import { beforeAll, describe, expect, it } from 'vitest';
import { hostileText, hostileTexts } from '../../../../support/hostile.ts';

/** What the test needs of the page; the browser code itself is checked with the types of a browser. */
interface Page {
  body: {
    innerHTML: string;
    textContent: string;
    querySelectorAll(selector: string): Iterable<{
      getAttribute(name: string): string | null;
      getAttributeNames(): string[];
      tagName: string;
      click(): void;
    }>;
  };
}
const page = (globalThis as unknown as { document: Page }).document;

let show: (text: string) => void;
const opened: string[] = [];

beforeAll(async () => {
  // Named at run time: these modules are no part of the tests' own type check, which knows no browser.
  const app = new URL('../../../../../src/views/forkPanel/app/markdown.ts', import.meta.url).pathname;
  const { markdown } = (await import(app)) as { markdown: (text: string, openLink: (href: string) => void) => unknown };
  const lit = 'lit';
  const { render } = (await import(lit)) as { render: (template: unknown, into: unknown) => void };
  show = (text) =>
    render(
      markdown(text, (href) => opened.push(href)),
      page.body,
    );
});

const allowed = /^(DIV|P|BR|HR|EM|STRONG|S|CODE|PRE|BLOCKQUOTE|UL|OL|LI|A|TABLE|THEAD|TBODY|TR|TH|TD)$/;

describe('a recorded reply in the fork panel', () => {
  it.each([...Object.entries(hostileTexts), ['everything', hostileText]])('is inert: %s', (_name, text) => {
    show(text);
    for (const element of page.body.querySelectorAll('*')) {
      expect(element.tagName).toMatch(allowed);
      const names = element.getAttributeNames().filter((name) => element.tagName !== 'DIV' || name !== 'class');
      expect(names.filter((name) => !['start', 'data-href', 'role', 'tabindex', 'title'].includes(name))).toEqual([]);
      const href = element.getAttribute('data-href');
      if (href !== null) expect(href).toMatch(/^https?:\/\//i);
    }
  });

  it('shows images as text, so that nothing is fetched', () => {
    show('![chart](https://evil.example/p.png)');
    expect([...page.body.querySelectorAll('img, a')].length).toBeLessThanOrEqual(1);
    expect([...page.body.querySelectorAll('img')]).toEqual([]);
  });

  it('follows no link by itself, and asks with the address of an http(s) one', () => {
    show(
      '[docs](https://example.org/x) [quit](command:workbench.action.quit) [js](javascript:alert(1)) [f](file:///x)',
    );
    const links = [...page.body.querySelectorAll('a')];
    expect(links).toHaveLength(1);
    expect(page.body.textContent).toContain('[quit](command:workbench.action.quit)');
    expect(links.map((link) => link.getAttribute('href'))).toEqual(links.map(() => null));
    for (const link of links) link.click();
    expect(opened).toEqual(['https://example.org/x']);
  });
});
