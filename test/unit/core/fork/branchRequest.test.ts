import { describe, expect, it } from 'vitest';
import { BadInputError } from '../../../../src/core/errors.ts';
import { branchRequest } from '../../../../src/core/fork/branchRequest.ts';
import { blocksOf } from '../../../../src/core/fork/messagesRequest.ts';
import { context, request } from '../../../support/plans.ts';

const spec = (over: object = {}) => ({ name: 'a', repeats: 1, ...over });

describe('branchRequest', () => {
  it('sends exactly the recorded request where nothing changes', () => {
    const built = branchRequest(context(), spec(), undefined);
    expect(built.stored).toEqual({ request: request(), betas: ['some-beta-2026-01-01'] });
    expect(built.changes).toEqual([]);
    expect(built.notes).toEqual([]);
  });

  it('never changes the context it was given', () => {
    const given = context();
    branchRequest(given, spec({ model: 'claude-haiku-4-5', system: { append: 'Be terse.' }, maxTokens: 10 }), 'Other');
    expect(given).toEqual(context());
  });

  it('puts the new prompt where the recorded one stood, beside what stands with it', () => {
    const built = branchRequest(context(), spec({ prompt: 'Handle flags' }), 'Shared');
    expect(built.stored.request.messages).toHaveLength(3);
    expect(built.stored.request.messages[2]?.content).toEqual([
      { type: 'text', text: '<system-reminder>Be brief.</system-reminder>' },
      { type: 'text', text: 'Handle flags', cache_control: { type: 'ephemeral' } },
    ]);
    expect(JSON.stringify(built.stored)).not.toContain('Now handle emoji');
    expect(built.changes).toEqual(['prompt']);
  });

  it('takes the shared prompt for a branch without its own', () => {
    const built = branchRequest(context(), spec(), 'Shared');
    expect(JSON.stringify(built.stored.request.messages[2])).toContain('Shared');
  });

  it('drops thinking that another model signed, and says so', () => {
    const built = branchRequest(context(), spec({ model: 'claude-sonnet-9' }), undefined);
    expect(built.stored.request.model).toBe('claude-sonnet-9');
    expect(built.stored.request.messages[1]?.content).toEqual([{ type: 'text', text: 'Because of the pattern.' }]);
    expect(built.notes.join()).toMatch(/1 thinking block .*signed by claude-opus-4-5/);
    expect(built.changes).toEqual(['model']);
  });

  it('joins the neighbours of a message that held only thinking, and keeps the prompt in place', () => {
    const only = request({
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'One' }] },
        { role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm.', signature: 's' }] },
        { role: 'user', content: [{ type: 'text', text: 'Two' }] },
      ],
    });
    const base = context();
    const built = branchRequest(
      {
        ...base,
        recordedPrompt: 'Two',
        rebuilt: { ...base.rebuilt, request: only, promptAt: { message: 2, block: 0 } },
      },
      spec({ model: 'claude-sonnet-9', prompt: 'Three' }),
      undefined,
    );
    expect(built.stored.request.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'One' },
          { type: 'text', text: 'Three' },
        ],
      },
    ]);
  });

  it('leaves out recorded parameters that the new model is known to refuse, and says each', () => {
    const base = context();
    const adaptive = request({
      max_tokens: 128_000,
      thinking: { type: 'adaptive' },
      output_config: { effort: 'medium' },
      context_management: { edits: [{ type: 'clear_thinking_20251015' }, { type: 'clear_tool_uses_20250919' }] },
    });
    const built = branchRequest(
      { ...base, rebuilt: { ...base.rebuilt, request: adaptive } },
      spec({ model: 'claude-haiku-4-5' }),
      undefined,
    );
    expect(built.stored.request.max_tokens).toBe(64_000);
    expect(built.stored.request).not.toHaveProperty('thinking');
    expect(built.stored.request).not.toHaveProperty('output_config');
    expect(built.stored.request['context_management']).toEqual({ edits: [{ type: 'clear_tool_uses_20250919' }] });
    expect(built.notes.join('\n')).toMatch(/max_tokens lowered/);
    expect(built.notes.join('\n')).toMatch(/Effort "medium" left out/);
    expect(built.notes.join('\n')).toMatch(/Adaptive thinking left out/);
  });

  it('keeps what a person asked for, but says that the model is known to refuse it', () => {
    const built = branchRequest(context(), spec({ model: 'claude-haiku-4-5', effort: 'low' }), undefined);
    expect(built.stored.request['output_config']).toEqual({ effort: 'low' });
    expect(built.notes.join()).toMatch(/known to refuse effort/);
  });

  it('appends to and replaces the system prompt', () => {
    const appended = branchRequest(context(), spec({ system: { append: 'Be terse.' } }), undefined);
    expect(appended.stored.request.system).toEqual([
      { type: 'text', text: 'You are helpful.', cache_control: { type: 'ephemeral' } },
      { type: 'text', text: 'Be terse.' },
    ]);
    const replaced = branchRequest(context(), spec({ system: { replace: 'You are terse.' } }), undefined);
    expect(replaced.stored.request.system).toEqual([{ type: 'text', text: 'You are terse.' }]);
    const removed = branchRequest(context(), spec({ system: { replace: '' } }), undefined);
    expect(removed.stored.request).not.toHaveProperty('system');
  });

  it('keeps a thinking budget below max_tokens', () => {
    const built = branchRequest(context(), spec({ maxTokens: 2_000 }), undefined);
    expect(built.stored.request['thinking']).toEqual({ type: 'enabled', budget_tokens: 1_999 });
    expect(branchRequest(context(), spec({ maxTokens: 500 }), undefined).stored.request).not.toHaveProperty('thinking');
    expect(() =>
      branchRequest(context(), spec({ maxTokens: 2_000, thinking: { budgetTokens: 2_000 } }), undefined),
    ).toThrow(BadInputError);
  });

  it('adds a prompt after a reply, and refuses a fork there without one', () => {
    const base = context();
    const messages = request().messages.slice(0, 2);
    const after = {
      ...base,
      recordedPrompt: null,
      rebuilt: { ...base.rebuilt, request: request({ messages }), promptAt: null },
    };
    const built = branchRequest(after, spec({ prompt: 'And now?' }), undefined);
    expect(built.stored.request.messages.at(-1)).toEqual({
      role: 'user',
      content: [{ type: 'text', text: 'And now?' }],
    });
    expect(() => branchRequest(after, spec(), undefined)).toThrow(/nothing for the model to answer/);
  });

  it('lets the model answer a prompt that Claude Code put a system message behind', () => {
    const base = context();
    const messages = [
      request().messages[0]!,
      { role: 'system' as const, content: [{ type: 'text', text: '# Environment' }] },
    ];
    const ending = {
      ...base,
      recordedPrompt: null,
      rebuilt: { ...base.rebuilt, request: request({ messages }), promptAt: null },
    };
    expect(branchRequest(ending, spec(), undefined).stored.request.messages).toEqual(messages);
    const asked = branchRequest(ending, spec({ prompt: 'And?' }), undefined);
    expect(asked.stored.request.messages).toEqual([
      { role: 'user', content: [...blocksOf(messages[0]!), { type: 'text', text: 'And?' }] },
      messages[1],
    ]);
    expect(asked.cut).toEqual({ message: 0, block: 1 });
  });

  it('lets the model go on after tool results without a prompt, or adds the prompt to them', () => {
    const base = context();
    const messages = [
      ...request().messages.slice(0, 1),
      { role: 'assistant' as const, content: [{ type: 'tool_use', id: 't1', name: 'Read', input: {} }] },
      { role: 'user' as const, content: [{ type: 'tool_result', tool_use_id: 't1', content: 'x' }] },
    ];
    const after = {
      ...base,
      recordedPrompt: null,
      rebuilt: { ...base.rebuilt, request: request({ messages }), promptAt: null },
    };
    expect(branchRequest(after, spec(), undefined).stored.request.messages).toEqual(messages);
    const built = branchRequest(after, spec({ prompt: 'Wait' }), undefined);
    expect(built.stored.request.messages).toHaveLength(3);
    expect(built.stored.request.messages[2]?.content).toHaveLength(2);
  });
});
