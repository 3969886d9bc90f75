import MarkdownIt from 'markdown-it';
import { expect, it } from 'vitest';
import { turnDocument } from '../../../../src/views/sessionTree/turnDocument.ts';
import { call, session, step, turn } from '../support/sessions.ts';

const render = (markdown: string) => new MarkdownIt({ html: true, linkify: true }).render(markdown);

it('reads well and holds everything of the turn', () => {
  const recorded = turn(1, 1, {
    prompt: 'Now handle **emoji**',
    steps: [
      step(2, { text: 'I start by reading.', toolCalls: [call('Read', { file_path: '/x.ts', limit: 3 })] }),
      step(4, {
        index: 2,
        text: 'Done:\n\n```ts\nconst a = 1;\n```',
        content: [{ type: 'thinking', thinking: 'Let me see.' }],
      }),
    ],
    interrupted: true,
  });
  const html = render(turnDocument(session({ turns: [recorded] }), recorded));
  for (const part of [
    '<strong>emoji</strong>',
    'I start by reading.',
    '<strong>→ Read</strong>',
    'file_path: /x.ts\nlimit: 3',
    'Result, 1 line',
    'const a = 1;',
    'Let me see.',
    'Interrupted here.',
  ]) {
    expect(html).toContain(part);
  }
});

it('shows what the person wrote meanwhile in its place, and the whole of a long output', () => {
  const long = { uuid: 'u', content: 'The beginning', isError: false, spilled: { path: '/x.txt', text: 'a\nb\n' } };
  const gone = { ...long, spilled: { path: '/x.txt', text: null } };
  const recorded = turn(1, 1, {
    absorbed: [
      { text: 'And that', line: 3 },
      { text: 'At last', line: 9 },
    ],
    steps: [
      step(2, { text: 'First answer', toolCalls: [{ ...call('Bash', {}), result: long }] }),
      step(5, { text: 'Second answer', toolCalls: [{ ...call('Bash', {}), result: gone }] }),
    ],
  });
  const document = turnDocument(session({ turns: [recorded] }), recorded);
  const order = [
    'First answer',
    'The whole output, 2 lines',
    'And that',
    'Second answer',
    'its file is gone',
    'At last',
  ];
  const places = order.map((text) => document.indexOf(text));
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(places[0]).toBeGreaterThan(0);
});

it('is inert whatever was recorded', () => {
  const nasty =
    '![x](https://evil.example/p.png) <script>alert(1)</script> [y](command:quit) https://evil.example\n```\n![x](y)';
  const recorded = turn(1, 1, {
    prompt: nasty,
    error: nasty,
    promptContent: [{ type: nasty }],
    steps: [
      step(2, {
        text: nasty,
        model: nasty,
        error: nasty,
        content: [{ type: 'thinking', thinking: nasty }],
        toolCalls: [
          {
            ...call(nasty, { [nasty]: nasty }),
            result: { uuid: 'u', content: [{ type: 'text', text: nasty }, { type: nasty }], isError: true },
          },
        ],
      }),
    ],
  });
  const html = render(turnDocument(session({ turns: [recorded] }), recorded));
  expect(html).not.toMatch(/<(a|img|script)\b/i);
});
