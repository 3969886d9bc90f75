import { plainText } from './plainText.ts';

/*
 * Untrusted text for markdown renderers (tooltips, the markdown preview, exported reports). Nothing that comes out of
 * these functions can become a link, an image, HTML or a command, whatever went in.
 */

/** One run of text with every character that markdown may read as syntax escaped. Line feeds become hard breaks. */
export function escapeMarkdown(text: string): string {
  // Escaping the punctuation inside `https://` and `a@b.com` also keeps auto-linkers away from them.
  return plainText(text)
    .split('\n')
    .map((line) => escapeLine(line.trim()))
    .join('  \n')
    .trim();
}

/** The text as a fenced block, with a fence longer than any inside. */
export function codeBlock(text: string, language = ''): string {
  const clean = plainText(text).replace(/\n$/, '');
  const longest = Math.max(2, ...Array.from(clean.matchAll(/`+/g), ([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${/^[\w+#.-]+$/.test(language) ? language : ''}\n${clean}\n${fence}`;
}

/**
 * A reply or a prompt, readable: fenced code stays code, headings, list items, bold text and inline code keep their
 * form, everything else is escaped. Headings become bold lines so that they don't mix with the document's own.
 */
export function inertProse(text: string): string {
  const blocks: string[] = [];
  let prose: string[] = [];
  let code: { fence: string; language: string; lines: string[] } | null = null;
  const endProse = () => {
    if (prose.some((line) => line.trim() !== '')) blocks.push(proseBlock(prose));
    prose = [];
  };
  for (const line of plainText(text).split('\n')) {
    const fence = /^\s*(`{3,}|~{3,})\s*([\w+#.-]*)\s*$/.exec(line);
    if (code !== null) {
      if (fence?.[1]?.startsWith(code.fence) && fence[2] === '') {
        blocks.push(codeBlock(code.lines.join('\n'), code.language));
        code = null;
      } else code.lines.push(line);
    } else if (fence?.[1] !== undefined) {
      endProse();
      code = { fence: fence[1], language: fence[2] ?? '', lines: [] };
    } else prose.push(line);
  }
  if (code !== null) blocks.push(codeBlock(code.lines.join('\n'), code.language));
  endProse();
  return blocks.join('\n\n');
}

function proseBlock(lines: string[]): string {
  const out: string[] = [];
  for (const line of lines) {
    const heading = /^ {0,3}#{1,6}\s+(.*)$/.exec(line);
    const item = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/.exec(line);
    if (line.trim() === '') out.push('');
    else if (heading) out.push('', `**${inertInline(heading[1] ?? '', false)}**`, '');
    else if (item) out.push(`${indent(item[1] ?? '')}${item[2]} ${inertInline(item[3] ?? '', true)}`);
    else out.push(`${inertInline(line.trim(), true)}  `);
  }
  return out
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

/** Indentation of a list item, bounded so that it never reads as an indented code block. */
function indent(space: string): string {
  return '  '.repeat(Math.min(2, Math.floor(space.replaceAll('\t', '    ').length / 2)));
}

function inertInline(text: string, bold: boolean): string {
  const parts = text.split(bold ? /(`[^`]+`|\*\*[^*`]+\*\*)/ : /(`[^`]+`)/);
  return parts
    .map((part, index) => {
      if (index % 2 === 0) return escapeLine(part);
      if (part.startsWith('`')) return part;
      const inner = part.slice(2, -2);
      return inner.trim() === inner ? `**${escapeLine(inner)}**` : escapeLine(part);
    })
    .join('');
}

function escapeLine(line: string): string {
  return line.replace(/[!-/:-@[-`{-~]/g, '\\$&');
}
