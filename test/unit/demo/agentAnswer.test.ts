import { describe, expect, it } from 'vitest';
import { agentAnswer, type Block } from '../../../demo/agentAnswer.ts';
import { code } from '../../../demo/sampleCode.ts';
import type { MessagesRequest } from '../../../src/core/api/messagesRequest.ts';

const source = '/work/slug-tools/src/slugify.ts';
const tests = '/work/slug-tools/test/slugify.test.ts';
const files: Record<string, string> = { [source]: code.source.accents, [tests]: code.tests.accents };
const tools = ['Read', 'Edit', 'Bash', 'Agent'].map((name) => ({ name }));

const history = [
  { role: 'user' as const, content: 'Why does slugify drop accents?' },
  {
    role: 'assistant' as const,
    content: [{ type: 'tool_use', id: 'toolu_1', name: 'Read', input: { file_path: source } }],
  },
  { role: 'user' as const, content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'x' }] },
  { role: 'assistant' as const, content: [{ type: 'text', text: 'Because.' }] },
];

const asked = (prompt: string, more: Partial<MessagesRequest> = {}): MessagesRequest => ({
  model: 'claude-opus-4-5',
  max_tokens: 1000,
  tools,
  messages: [
    ...history,
    { role: 'user', content: [{ type: 'text', text: prompt }, reminder] },
    { role: 'system', content: 'Mind the files.' },
  ],
  ...more,
});
const reminder = { type: 'text', text: '<system-reminder>Not the prompt.</system-reminder>' };

/** Plays the tools until the agent ends: what it called, the files as they are then, and its last words. */
function play(request: MessagesRequest): { calls: string[]; files: Record<string, string>; said: string } {
  const now = { ...files };
  const calls: string[] = [];
  let messages = request.messages;
  for (let step = 0; step < 10; step += 1) {
    const content = agentAnswer({ ...request, messages }) ?? [];
    const uses = content.filter(({ type }) => type === 'tool_use');
    if (uses.length === 0) return { calls, files: now, said: String(content[0]?.text) };
    const results = uses.map((use) => ({ type: 'tool_result', tool_use_id: use.id, content: doCall(use, now, calls) }));
    messages = [...messages, { role: 'assistant', content }, { role: 'user', content: [...results, reminder] }];
  }
  throw new Error(`It goes on for ever: ${calls.join(', ')}`);
}

function doCall({ name, input }: Block, now: Record<string, string>, calls: string[]): string {
  const { file_path: file = '', old_string: before = '', new_string: after = '' } = input as Record<string, string>;
  calls.push(`${String(name)} ${file.split('/').at(-1)}`.trim());
  const text = now[file] ?? '';
  if (name === 'Read') return text.replace(/^/gm, '1\t');
  if (name !== 'Edit') return 'ℹ pass 4\nℹ fail 0\n';
  // As Claude Code's own tool has it.
  expect(text.split(before)).toHaveLength(2);
  now[file] = text.replace(before, () => after);
  return 'The file has been updated.';
}

describe('the demo’s model as an agent', () => {
  it('reads, edits, tests and ends, each model in its way', () => {
    const careful = play(asked('Now handle emoji'));
    expect(careful.calls).toEqual([
      'Read slugify.ts',
      'Edit slugify.ts',
      'Read slugify.test.ts',
      'Edit slugify.test.ts',
      'Bash',
    ]);
    expect(careful.files[source]).toBe(code.source.emoji);
    expect(careful.files[tests]).toContain(`slugify('tea ☕ time')`);
    expect(careful.said).toContain('The tests pass.');

    const cheap = play(asked('Now handle emoji', { model: 'claude-haiku-4-5' }));
    expect(cheap.calls).toEqual(['Read slugify.ts', 'Edit slugify.ts']);
    expect(cheap.files[source]).toContain('\\p{Emoji}');

    const terse = play(asked('Now handle emoji', { system: [{ type: 'text', text: 'Answer in one sentence.' }] }));
    expect(terse.calls).toEqual(['Read slugify.ts', 'Edit slugify.ts', 'Bash']);
  });

  it('does no change twice, answers questions in words, and leaves a note of what it doesn’t know', () => {
    expect(play(asked('Fix the accents')).calls).toEqual(['Read slugify.ts']);
    expect(play(asked('Is a regex the right tool?')).calls).toEqual(['Read slugify.ts']);
    const other = play(asked('Make it faster'));
    expect(other.files[source]).toContain('// To do: Make it faster\nexport function slugify');
  });

  it('finds the project in a conversation that has only begun', () => {
    const system = [
      { type: 'text', text: 'Environment:\n - Primary working directory: /work/slug-tools\n - Platform: linux' },
    ];
    const messages = [{ role: 'user' as const, content: 'Fix it and add a test' }];
    expect(play(asked('', { system, messages })).calls).toContain('Read slugify.ts');
  });

  it('leaves all else to the model that only talks', () => {
    expect(agentAnswer(asked('Now handle emoji', { tools: [] }))).toBeNull();
    expect(agentAnswer(asked('Hello', { messages: [{ role: 'user', content: 'Hello' }] }))).toBeNull();
  });
});
