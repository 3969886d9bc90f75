import { describe, expect, it } from 'vitest';
import { checkRequest } from '../../../../src/core/api/checkRequest.ts';
import { blocksOf, type RequestMessage } from '../../../../src/core/api/messagesRequest.ts';
import { BadInputError } from '../../../../src/core/errors.ts';
import { branchRequest } from '../../../../src/core/fork/branchRequest.ts';
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

  it('turns system messages into reminders for a model that takes none within a conversation', () => {
    const [question, answer, asked] = request().messages as [RequestMessage, RequestMessage, RequestMessage];
    const system = { role: 'system' as const, content: [{ type: 'text', text: 'Date: today' }] };
    const messages = [question, { ...system, output_config: { effort: 'low' } }, answer, asked, system];
    const recorded = request({ model: 'claude-opus-5-5', thinking: { type: 'adaptive' }, messages });
    const rebuilt = { ...context().rebuilt, request: recorded, promptAt: { message: 3, block: 1 } };
    const older = branchRequest(context({ rebuilt }), spec({ model: 'claude-haiku-4-5', prompt: 'Flags' }), undefined);
    const reminder = { type: 'text', text: '<system-reminder>\nDate: today\n</system-reminder>' };
    expect(older.stored.request.messages).toEqual([
      { role: 'user', content: [...blocksOf(question), reminder] },
      { role: 'assistant', content: [{ type: 'text', text: 'Because of the pattern.' }] },
      { role: 'user', content: [blocksOf(asked)[0], { ...blocksOf(asked)[1], text: 'Flags' }, reminder] },
    ]);
    expect(older.cut).toEqual({ message: 2, block: 1 });
    expect(older.notes.join()).toContain('2 system messages of the history became reminders');
    expect(checkRequest(older.stored.request)).toEqual([]);
    const other = branchRequest(context({ rebuilt }), spec({ model: 'claude-opus-5' }), undefined);
    expect(other.stored.request.messages[1]).toEqual(system);
    const same = branchRequest(context({ rebuilt }), spec({ model: 'claude-sonnet-5-5' }), undefined);
    expect(same.stored.request.messages[1]).toEqual(messages[1]);
  });

  it('lowers the effort to the most that the new model takes, and leaves fast mode to the model that has it', () => {
    const recorded = request({ model: 'claude-opus-5', output_config: { effort: 'xhigh' }, speed: 'fast' });
    const made = context({ rebuilt: { ...context().rebuilt, request: recorded } });
    const built = branchRequest(made, spec({ model: 'claude-opus-4-6' }), undefined);
    expect(built.stored.request).toMatchObject({ output_config: { effort: 'max' } });
    expect(built.stored.request).not.toHaveProperty('speed');
    expect(built.notes.join()).toMatch(
      /Effort "xhigh" lowered to "max".*Fast mode left out|Fast mode left out.*lowered/,
    );
    const asked = branchRequest(made, spec({ model: 'claude-opus-4-5', effort: 'max' }), undefined);
    expect(asked.stored.request['output_config']).toEqual({ effort: 'max' });
    expect(asked.notes.join()).toMatch(/known to refuse effort “max”/);
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

  it('keeps it below the max_tokens that another model takes, too', () => {
    const long = request({ max_tokens: 64_000, thinking: { type: 'enabled', budget_tokens: 63_999 } });
    const made = context({ rebuilt: { ...context().rebuilt, request: long } });
    const built = branchRequest(made, spec({ model: 'claude-opus-4-1' }), undefined);
    expect(built.stored.request).toMatchObject({
      max_tokens: 32_000,
      thinking: { type: 'enabled', budget_tokens: 31_999 },
    });
    expect(built.notes.join('\n')).toContain('Thinking budget lowered to 31999');
    const own = branchRequest(made, spec({ model: 'claude-opus-4-1', thinking: { budgetTokens: 4096 } }), undefined);
    expect(own.stored.request['thinking']).toEqual({ type: 'enabled', budget_tokens: 4096 });
    expect(own.notes.join('\n')).not.toContain('budget');
  });

  describe('of models that take thinking only behind what it was thought for', () => {
    const of = (over: object) => context({ rebuilt: { ...context().rebuilt, request: request(over) } });
    const latest = { model: 'claude-opus-5-5', thinking: { type: 'adaptive' } };
    const thoughtIn = (built: ReturnType<typeof branchRequest>) =>
      JSON.stringify(built.stored.request.messages).includes('"thinking"');

    it('leaves the thinking out behind another system prompt, and says so', () => {
      const built = branchRequest(of(latest), spec({ system: { append: 'Be terse.' } }), undefined);
      expect(thoughtIn(built)).toBe(false);
      expect(built.cut).toEqual({ message: 2, block: 1 });
      expect(built.notes).toEqual([
        '1 thinking block of the history left out: claude-opus-5-5 takes it only behind the system prompt of that time.',
      ]);
    });

    it('keeps it behind another prompt, for older models, and where the API is to sort it out itself', () => {
      const prompt = branchRequest(of(latest), spec({ prompt: 'Handle flags' }), undefined);
      const older = branchRequest(context(), spec({ system: { append: 'Be terse.' } }), undefined);
      const binding = { ...latest.thinking, block_binding: { prefix_mismatch_behavior: 'drop_block' } };
      const dropping = of({ ...latest, thinking: binding });
      const sorted = branchRequest(dropping, spec({ system: { append: 'Be terse.' } }), undefined);
      expect([prompt, older, sorted].map(thoughtIn)).toEqual([true, true, true]);
      expect(sorted.stored.request['thinking']).toEqual(binding);
      const elsewhere = branchRequest(dropping, spec({ model: 'claude-opus-5' }), undefined);
      expect(elsewhere.stored.request['thinking']).toEqual({ type: 'adaptive' });
    });
  });

  it.each<[string, object, object | undefined, RegExp | null]>([
    ['claude-opus-5-5', { type: 'enabled', budget_tokens: 10_000 }, { type: 'adaptive' }, /decides by itself/],
    ['claude-haiku-5-5', { type: 'disabled' }, undefined, /thinks all the same/],
    ['claude-sonnet-5-5', { type: 'disabled' }, { type: 'between_tools' }, /thinks between its tool calls/],
    ['claude-sonnet-5', { type: 'between_tools' }, { type: 'disabled' }, null],
    ['claude-opus-4-8', { type: 'disabled' }, { type: 'disabled' }, null],
    ['claude-opus-4-8', { type: 'between_tools' }, undefined, null],
    ['claude-sonnet-4-6', { type: 'adaptive' }, { type: 'adaptive' }, null],
  ])('asks %s to think in a form that it takes, where %j was recorded', (model, recorded, expected, note) => {
    const made = context({ rebuilt: { ...context().rebuilt, request: request({ thinking: recorded }) } });
    const built = branchRequest(made, spec({ model }), undefined);
    expect(built.stored.request['thinking']).toEqual(expected);
    const notes = built.notes.filter((each) => !each.includes('of the history'));
    if (note === null) expect(notes).toEqual([]);
    else expect(notes.join()).toMatch(note);
  });

  describe('within a turn', () => {
    const call = { type: 'tool_use', id: 'a', name: 'Read', input: {} };
    const result = { type: 'tool_result', tool_use_id: 'a', content: 'A' };
    const within = (model: string, thinking: object) =>
      context({
        recordedPrompt: null,
        rebuilt: {
          ...context().rebuilt,
          promptAt: null,
          request: request({
            model,
            thinking,
            messages: [
              { role: 'user', content: [{ type: 'text', text: 'Read it' }] },
              { role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm.', signature: 's' }, call] },
              { role: 'user', content: [result] },
            ],
          }),
        },
      });
    const budget = { type: 'enabled', budget_tokens: 10_000 };

    it('another model does not think where it would have to have thought before', () => {
      const built = branchRequest(within('claude-opus-4-5', budget), spec({ model: 'claude-haiku-4-5' }), undefined);
      expect(built.stored.request).not.toHaveProperty('thinking');
      expect(built.notes.join()).toContain('did not begin with thinking of this model');
      const adaptive = within('claude-opus-5', { type: 'adaptive' });
      const free = branchRequest(adaptive, spec({ model: 'claude-opus-4-8' }), undefined);
      expect(free.stored.request['thinking']).toEqual({ type: 'adaptive' });
    });

    it('a branch that is not to think has none in its history, unless the model thinks all the same', () => {
      const off = spec({ thinking: 'off' });
      const built = branchRequest(within('claude-opus-4-5', budget), off, undefined);
      expect(built.stored.request.messages[1]?.content).toEqual([call]);
      expect(built.notes.join()).toContain('the branch does not think');
      const always = branchRequest(within('claude-opus-5-5', { type: 'adaptive' }), off, undefined);
      expect(always.stored.request.messages[1]?.content).toHaveLength(2);
      expect(always.stored.request['thinking']).toEqual({ type: 'adaptive' });
      expect(always.notes.join()).toContain('thinks all the same');
    });
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

  it('asks for the long context as the API wants it', () => {
    const built = branchRequest(context(), spec({ model: 'claude-sonnet-4-5[1m]' }), undefined);
    expect(built.stored.request.model).toBe('claude-sonnet-4-5');
    expect(built.stored.betas).toEqual(['some-beta-2026-01-01', 'context-1m-2025-08-07']);
    expect(built.changes).toEqual(['model', 'long context']);
  });

  it('leaves the long context out where the model has none, and says so', () => {
    const built = branchRequest(context(), spec({ model: 'claude-haiku-4-5[1m]' }), undefined);
    expect(built.stored.request.model).toBe('claude-haiku-4-5');
    expect(built.stored.betas).toEqual(['some-beta-2026-01-01']);
    expect(built.notes.join()).toContain('“[1m]” left out');
  });

  it('changes nothing for the recorded model that has the long context already', () => {
    const base = context();
    const betas = ['context-1m-2025-08-07'];
    const model = 'claude-sonnet-4-6';
    const rebuilt = { ...base.rebuilt, betas, request: request({ model }) };
    const built = branchRequest({ ...base, rebuilt }, spec({ model: `${model}[1m]` }), undefined);
    expect(built.stored).toEqual({ request: rebuilt.request, betas });
    expect(built.changes).toEqual([]);
  });
});
