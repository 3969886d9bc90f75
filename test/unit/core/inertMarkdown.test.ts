import fc from 'fast-check';
import MarkdownIt from 'markdown-it';
import { describe, expect, it } from 'vitest';
import { codeBlock, escapeMarkdown, inertProse } from '../../../src/core/inertMarkdown.ts';

// As permissive as VS Code's preview: raw HTML passes and bare addresses become links.
const markdown = new MarkdownIt({ html: true, linkify: true });

const dangerous = [
  '![x](https://evil.example/p.png)',
  '[click](command:workbench.action.quit)',
  '<img src=x onerror=alert(1)>',
  'https://evil.example/?q=1 www.evil.example a@evil.example',
  '<https://evil.example>',
  '[x]: https://evil.example\n[x]',
  '`` ` `` ![x](https://evil.example)',
  '- ![x](y)\n    - <b>x</b>',
  '# [h](http://x.example)',
  '```html\n</code><script>alert(1)</script>\n```\n![x](y)',
  '````\n```\n![x](y)\n````',
  '**![x](y)** **<b>**',
  '`a`b`![x](y)',
  '    ![indented](y)',
  '| a |\n|---|\n| ![x](y) |',
  '\\![x](y) \\\\![x](y) \\`![x](y)`',
];

/** Links, images, headings and HTML that come out when this is rendered. */
function active(source: string): string[] {
  return markdown.render(source).match(/<(a|img|script|iframe|b|style|svg|h1|h2)\b/gi) ?? [];
}

describe('nothing untrusted becomes active', () => {
  it.each(dangerous)('%j', (text) => {
    expect(active(inertProse(text))).toEqual([]);
    expect(active(escapeMarkdown(text))).toEqual([]);
    expect(active(codeBlock(text))).toEqual([]);
  });

  it('for any text', () => {
    const piece = fc.oneof(
      fc.constantFrom(...dangerous, '`', '``', '```', '~~~', '\n', '**', '\\', '  ', '> ', '1. ', '<', '](', '$('),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        expect(active(inertProse(text))).toEqual([]);
        expect(active(escapeMarkdown(text))).toEqual([]);
        expect(active(codeBlock(text, pieces[0]))).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('what may be read stays readable', () => {
  it('keeps code, lists, bold text and inline code', () => {
    const html = markdown.render(
      inertProse('# Title\nUse `npm test`:\n- **one** thing\n- two\n\n```ts\nconst a = 1;\n```'),
    );
    expect(html).toContain('<strong>Title</strong>');
    expect(html).toContain('<code>npm test</code>');
    expect(html).toContain('<li><strong>one</strong> thing</li>');
    expect(html).toContain('<code class="language-ts">const a = 1;\n</code>');
  });

  it('keeps every character of prose', () => {
    const text = 'a_b *c* <d> [e](f) 1 < 2 && 3 > 2 | $x ~y~';
    expect(
      markdown.renderInline(escapeMarkdown(text)).replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&'),
    ).toBe(text);
  });
});
