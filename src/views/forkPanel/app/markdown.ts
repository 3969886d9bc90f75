import createPurifier from 'dompurify';
import { html, type TemplateResult } from 'lit';
import { unsafeHTML } from 'lit/directives/unsafe-html.js';
import MarkdownIt from 'markdown-it';

const markdownIt = new MarkdownIt({ html: false, linkify: false, typographer: false }).disable('image');
// What can't be followed must not look like a link.
markdownIt.validateLink = (address) => /^https?:\/\//i.test(address.trim());
// The recording's headings are not headings of this page.
markdownIt.renderer.rules['heading_open'] = () => '<p><strong>';
markdownIt.renderer.rules['heading_close'] = () => '</strong></p>';
const purifier = createPurifier(window);

purifier.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName !== 'A') return;
  // A real href would be followed by the webview itself; ours are shown to the person first.
  const href = node.getAttribute('href') ?? '';
  node.removeAttribute('href');
  if (!/^https?:\/\//i.test(href)) return;
  node.setAttribute('data-href', href);
  node.setAttribute('role', 'link');
  node.setAttribute('tabindex', '0');
  node.setAttribute('title', href);
});

/**
 * A recorded reply as text with markdown's shapes. Its HTML stays text, its images stay text, and its links do nothing
 * by themselves: `openLink` is asked with the address of an http(s) one.
 */
export function markdown(text: string, openLink: (href: string) => void): TemplateResult {
  const clean = purifier.sanitize(markdownIt.render(text), {
    ALLOWED_TAGS: [
      'p',
      'br',
      'hr',
      'em',
      'strong',
      's',
      'code',
      'pre',
      'blockquote',
      'ul',
      'ol',
      'li',
      'a',
      'table',
      'thead',
      'tbody',
      'tr',
      'th',
      'td',
    ],
    ALLOWED_ATTR: ['href', 'start'],
  });
  const follow = (event: Event) => {
    const href = (event.target as Element).closest('[data-href]')?.getAttribute('data-href');
    if (!href || (event instanceof KeyboardEvent && event.key !== 'Enter')) return;
    event.preventDefault();
    event.stopPropagation();
    openLink(href);
  };
  return html`<div class="markdown" @click=${follow} @keydown=${follow}>${unsafeHTML(clean)}</div>`;
}
