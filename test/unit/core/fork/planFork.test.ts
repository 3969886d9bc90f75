import { describe, expect, it, vi } from 'vitest';
import { blocksOf, type MessagesRequest } from '../../../../src/core/api/messagesRequest.ts';
import {
  baselineSchema,
  forkPlanSchema,
  recordedAnswersSchema,
  storedRequestSchema,
} from '../../../../src/core/fork/forkPlan.ts';
import { forkRequestSchema, replayRequestSchema } from '../../../../src/core/fork/forkRequest.ts';
import { planFork, planReplay } from '../../../../src/core/fork/planFork.ts';
import { turnIdSchema } from '../../../../src/core/ids.ts';
import { MemoryBlobs, sha256 } from '../../../support/memoryStores.ts';
import { context, request, runId, step, summary, turn } from '../../../support/plans.ts';

const deps = (blobs: MemoryBlobs) => ({
  runId,
  createdAt: '2026-01-01T00:00:00.000Z',
  provider: 'demo' as const,
  sha256,
  put: (value: unknown) => blobs.put(value),
});

const fork = (over: object) =>
  forkRequestSchema.parse({ session: 's', at: { turn: 2 }, branches: [{ name: 'as recorded' }], ...over });

describe('planFork', () => {
  it('plans one branch for each repeat, with bodies by reference', async () => {
    const blobs = new MemoryBlobs();
    const plan = await planFork(
      summary(),
      context(),
      fork({ branches: [{ name: 'as recorded' }, { name: 'cheaper', model: 'claude-haiku-4-5', repeats: 3 }] }),
      deps(blobs),
    );
    expect(forkPlanSchema.parse(plan)).toEqual(plan);
    expect(plan.branches.map((branch) => branch.branchId)).toEqual(['b1', 'b2-1', 'b2-2', 'b2-3']);
    expect(plan.branches.map((branch) => branch.changes)).toEqual([[], ['model'], ['model'], ['model']]);
    expect(JSON.stringify(plan)).not.toContain('Because of the pattern');
    const stored = storedRequestSchema.parse(await blobs.get(plan.branches[0]!.request));
    expect(stored.request).toEqual(request());
  });

  it('takes answers of earlier runs where that is on, of repeats only where it is asked for', async () => {
    const limits = { maxAgeMs: 1, maxBytes: 1 };
    const used = async (enabled: boolean | null, cache?: boolean) => {
      const cacheOf = enabled === null ? {} : { cache: { enabled, limits } };
      const branches = [{ name: 'once' }, { name: 'often', repeats: 2 }];
      const asked = fork({ branches, ...(cache !== undefined && { cache }) });
      const plan = await planFork(summary(), context(), asked, { ...deps(new MemoryBlobs()), ...cacheOf });
      return [plan.cache, plan.branches.map(({ usesCache }) => usesCache === true)];
    };
    expect(await used(true)).toEqual([limits, [true, false, false]]);
    expect(await used(false)).toEqual([limits, [false, false, false]]);
    expect(await used(true, false)).toEqual([limits, [false, false, false]]);
    expect(await used(false, true)).toEqual([limits, [true, true, true]]);
    expect(await used(null)).toEqual([undefined, [false, false, false]]);
  });

  it.each([
    ['inherit', 'a name that Claude Code makes a model of'],
    ['opus[1m]', 'a name that Claude Code makes a model of'],
    ['[1m]', '“[1m]” stands behind a model'],
  ])('refuses a model that the API can’t know: %s', async (model, why) => {
    const planned = planFork(
      summary(),
      context(),
      fork({ branches: [{ name: 'odd', model }] }),
      deps(new MemoryBlobs()),
    );
    await expect(planned).rejects.toMatchObject({
      code: 'bad_input',
      message: expect.stringContaining(why),
      hint: expect.stringContaining('whole id'),
      details: { path: 'branches.0.model' },
    });
  });

  it('is called by the prompt that its branches answer', async () => {
    const titleOf = async (over: object) =>
      (await planFork(summary(), context(), fork(over), deps(new MemoryBlobs()))).title;
    expect(await titleOf({})).toBe('Now handle emoji');
    expect(await titleOf({ prompt: 'Now handle\n  flags' })).toBe('Now handle flags');
  });

  it('lets the first of equal branches lead their cache group', async () => {
    const plan = await planFork(
      summary(),
      context(),
      fork({
        branches: [
          { name: 'x', repeats: 3 },
          { name: 'other', model: 'claude-sonnet-9' },
        ],
      }),
      deps(new MemoryBlobs()),
    );
    const [a, b, c, other] = plan.branches;
    expect(a?.cacheGroup).not.toBeNull();
    expect([a?.leads, b?.leads, c?.leads]).toEqual([true, false, false]);
    expect(new Set([a?.cacheGroup, b?.cacheGroup, c?.cacheGroup]).size).toBe(1);
    expect(other?.cacheGroup).toBeNull();
  });

  it('lets a changed branch lead where prompts differ, with a breakpoint where the shared part ends', async () => {
    const blobs = new MemoryBlobs();
    const plan = await planFork(
      summary(),
      context(),
      fork({ branches: [{ name: 'as recorded' }, { name: 'own', prompt: 'Handle flags' }] }),
      deps(blobs),
    );
    const [recorded, own] = plan.branches;
    expect(recorded?.cacheGroup).toBe(own?.cacheGroup);
    expect([recorded?.leads, own?.leads]).toEqual([false, true]);
    const unchanged = storedRequestSchema.parse(await blobs.get(recorded!.request));
    expect(unchanged.request).toEqual(request());
    const changed = storedRequestSchema.parse(await blobs.get(own!.request));
    expect(blocksOf(changed.request.messages[2]!)[0]).toHaveProperty('cache_control');
  });

  it('marks the end of the shared part for an hour where the recorded prompt is marked so', async () => {
    const hour = { type: 'ephemeral', ttl: '1h' };
    const recorded = JSON.parse(
      JSON.stringify(request()).replaceAll('{"type":"ephemeral"}', JSON.stringify(hour)),
    ) as MessagesRequest;
    const made = context({ rebuilt: { ...context().rebuilt, request: recorded } });
    const blobs = new MemoryBlobs();
    const branches = ['Handle flags', 'Handle digits'].map((prompt) => ({ name: prompt, prompt }));
    const plan = await planFork(summary(), made, fork({ branches }), deps(blobs));
    for (const branch of plan.branches) {
      const stored = storedRequestSchema.parse(await blobs.get(branch.request));
      expect(blocksOf(stored.request.messages[2]!)).toMatchObject([{ cache_control: hour }, { cache_control: hour }]);
    }
  });

  it.each<[string, object, string, string]>([
    ['a blank prompt', { branches: [{ name: 'blank', prompt: ' ' }] }, 'bad_input', 'branches.0.prompt'],
    [
      'a blank system prompt',
      { branches: [{ name: 'blank', system: { append: ' ' } }] },
      'bad_input',
      'branches.0.system',
    ],
  ])('refuses %s before anything is stored', async (_what, over, code, path) => {
    const put = vi.fn<(value: unknown) => Promise<never>>();
    const refused = planFork(summary(), context(), fork(over), { ...deps(new MemoryBlobs()), put });
    await expect(refused).rejects.toMatchObject({ code, details: { path } });
    await expect(refused).rejects.toThrow('The API would refuse what branch “blank” sends');
    expect(put).not.toHaveBeenCalled();
  });

  it('refuses a history that the API would refuse', async () => {
    const messages = request().messages.with(1, {
      role: 'assistant',
      content: [{ type: 'tool_use', id: 'a', name: 'Read', input: {} }],
    });
    const base = context();
    const made = context({ rebuilt: { ...base.rebuilt, digestVerified: false, request: request({ messages }) } });
    const refused = planFork(summary(), made, fork({}), deps(new MemoryBlobs()));
    await expect(refused).rejects.toMatchObject({
      code: 'bad_fork_point',
      hint: expect.stringContaining('Fork at another place'),
      details: { problems: [{ rule: 'call_unanswered', path: 'messages.1' }] },
    });
  });

  it('sends again what was really sent, and notes that the API may refuse it', async () => {
    const messages = request().messages.with(1, { role: 'assistant', content: [{ type: 'text', text: ' ' }] });
    const base = context();
    const sent = context({ rebuilt: { ...base.rebuilt, request: request({ messages }) } });
    const plan = await planFork(summary(), sent, fork({}), deps(new MemoryBlobs()));
    expect(plan.branches[0]?.notes).toEqual([expect.stringContaining('messages.1.content.0')]);
  });

  it('says of each branch how much of its beginning was recorded', async () => {
    const branches = [
      { name: 'as recorded' },
      { name: 'own', prompt: 'Mine' },
      { name: 'other', model: 'claude-haiku-4-5' },
    ];
    const plan = await planFork(summary(), context(), fork({ branches }), deps(new MemoryBlobs()));
    expect(plan.branches.map(({ prefix }) => [prefix?.messages.equal, prefix?.stopsAt?.reason ?? null])).toEqual([
      [3, null],
      [2, 'the branch’s own prompt'],
      [1, 'another model, chosen by the branch'],
    ]);
  });

  it('groups nothing below the smallest prefix that is cached', async () => {
    const base = context();
    const plan = await planFork(
      summary(),
      { ...base, rebuilt: { ...base.rebuilt, inputTokens: 900 } },
      fork({ branches: [{ name: 'x', repeats: 2 }] }),
      deps(new MemoryBlobs()),
    );
    expect(plan.branches.map((branch) => branch.cacheGroup)).toEqual([null, null]);
  });

  it('keeps the recorded calls and their results for the tools, and the recorded course as the baseline', async () => {
    const blobs = new MemoryBlobs();
    const calling = step({
      content: [{ type: 'tool_use', id: 't1', name: 'Read', input: { file_path: 'a' } }],
      text: '',
      toolCalls: [
        {
          id: 't1',
          name: 'Read',
          input: { file_path: 'a' },
          uuid: 'x',
          result: { uuid: 'y', content: 'A', isError: false },
        },
      ],
    });
    const plan = await planFork(
      summary(),
      context({ following: [turn({ steps: [calling, step()] })] }),
      fork({}),
      deps(blobs),
    );
    const recording = recordedAnswersSchema.parse(await blobs.get(plan.branches[0]!.recording));
    expect(recording).toEqual({
      prefixMessages: 3,
      strictOrder: false,
      turns: [
        {
          turn: 2,
          prompt: null,
          calls: [{ name: 'Read', input: { file_path: 'a' }, result: { content: 'A', isError: false } }],
        },
      ],
    });
    const baseline = baselineSchema.parse(await blobs.get(plan.baseline));
    expect(baseline.steps.map((each) => each.stopReason)).toEqual(['end_turn', 'end_turn']);
    expect(baseline.steps[0]?.results).toEqual({ t1: { content: 'A', isError: false } });
  });

  it('compares a fork after the end of a turn with the turn that followed', async () => {
    const blobs = new MemoryBlobs();
    const base = context();
    const ended = context({
      point: { ...base.point, kind: 'after' },
      recordedPrompt: null,
      rebuilt: { ...base.rebuilt, promptAt: null },
      following: [turn({ steps: [] }), turn({ index: 3, turnId: turnIdSchema.parse('u3') })],
    });
    const plan = await planFork(summary(), ended, fork({ prompt: 'Go on' }), deps(blobs));
    const baseline = baselineSchema.parse(await blobs.get(plan.baseline));
    expect(baseline.steps.map((each) => each.turn)).toEqual([3]);
  });
});

describe('planReplay', () => {
  const replay = (over: object) => replayRequestSchema.parse({ session: 's', from: 2, ...over });
  const three = [turn(), turn({ index: 3, promptContent: [{ type: 'text', text: 'Third' }] }), turn({ index: 4 })];

  it('sends the recorded prompts in order, once for each model and repeat', async () => {
    const blobs = new MemoryBlobs();
    const plan = await planReplay(
      summary(),
      context({ following: three }),
      replay({ to: 3, models: ['m1', 'm2'], repeats: 2 }),
      deps(blobs),
    );
    expect(plan.kind).toBe('replay');
    expect(plan.branches.map((branch) => `${branch.name} ${branch.repeat}`)).toEqual(['m1 1', 'm1 2', 'm2 1', 'm2 2']);
    expect(plan.branches[0]?.turns).toBe(2);
    const recording = recordedAnswersSchema.parse(await blobs.get(plan.branches[0]!.recording));
    expect(recording.strictOrder).toBe(true);
    expect(recording.turns.map((each) => [each.turn, each.prompt])).toEqual([
      [2, null],
      [3, [{ type: 'text', text: 'Third' }]],
    ]);
  });

  it('takes the recorded model where none is asked for', async () => {
    const plan = await planReplay(summary(), context({ following: three }), replay({}), deps(new MemoryBlobs()));
    expect(plan.branches.map((branch) => branch.model)).toEqual(['claude-opus-4-5']);
    expect(plan.branches[0]?.changes).toEqual([]);
  });

  it('sends of a recorded prompt what the API takes', async () => {
    const blobs = new MemoryBlobs();
    const odd = [
      { type: 'text', text: ' ' },
      { type: 'text', text: 'half \ud83d' },
    ];
    const following = [turn(), turn({ index: 3, turnId: turnIdSchema.parse('u3'), promptContent: odd })];
    const replay = replayRequestSchema.parse({ session: 's', from: 2 });
    const plan = await planReplay(summary(), context({ following }), replay, deps(blobs));
    const { turns } = recordedAnswersSchema.parse(await blobs.get(plan.branches[0]!.recording));
    expect(turns.map(({ prompt }) => prompt)).toEqual([null, [{ type: 'text', text: 'half \ufffd' }]]);
  });

  it('refuses a range without turns', async () => {
    await expect(
      planReplay(summary(), context({ following: three }), replay({ to: 1 }), deps(new MemoryBlobs())),
    ).rejects.toThrow(/no turn to replay/);
  });
});
