import { describe, expect, it } from 'vitest';
import type { ForkPreview } from '../../../src/core/useCases/forkService.ts';
import { firstAnswers } from '../../../src/views/agentAnswers.ts';
import { type ForkDraft, forkRequestOf } from '../../../src/views/forkDraft.ts';
import { offeredModels } from '../../../src/views/models.ts';
import type { RunChoices } from '../../../src/views/runChoices.ts';
import { sendLine } from '../../../src/views/sendLine.ts';
import { endOfConversation } from '../../../src/views/sessionTree/endOfConversation.ts';
import { agentDefaults, agentPreview } from './support/agents.ts';
import { call, session, step, summary, turn } from './support/sessions.ts';

const draft: ForkDraft = {
  models: ['claude-opus-4-5', 'claude-haiku-4-5'],
  prompt: null,
  system: null,
  effort: null,
  repeats: 2,
  engine: 'temporal',
  tools: 'stop',
  executor: 'api',
  files: 'turn',
  permissions: 'ask',
  place: 'auto',
  checks: [],
  setup: [],
};
const turnTarget = { file: '/s.jsonl', turn: 3 };

describe('forkRequestOf', () => {
  it('makes a branch a model and leaves as recorded what was not changed', () => {
    expect(forkRequestOf(draft, turnTarget, agentDefaults)).toEqual({
      session: '/s.jsonl',
      at: { turn: 3 },
      engine: 'temporal',
      executor: 'api',
      tools: 'stop',
      maxSteps: 20,
      timeoutSeconds: 600,
      branches: [
        { name: 'Opus 4.5', model: 'claude-opus-4-5', repeats: 2 },
        { name: 'Haiku 4.5', model: 'claude-haiku-4-5', repeats: 2 },
      ],
    });
  });

  it('tells models apart whose names read the same', () => {
    const models = ['claude-haiku-4-5', 'claude-haiku-4-5-20251001'];
    expect(forkRequestOf({ ...draft, models }, turnTarget, agentDefaults).branches.map(({ name }) => name)).toEqual(
      models,
    );
  });

  it('carries prompt, system prompt and effort', () => {
    const request = forkRequestOf(
      { ...draft, prompt: 'Now!', system: { append: 'Be brief.' }, effort: 'low' },
      turnTarget,
      agentDefaults,
    );
    expect(request.prompt).toBe('Now!');
    expect(request.branches[0]).toMatchObject({ system: { append: 'Be brief.' }, effort: 'low' });
  });

  it('carries what holds for agents, with checks and set-up from the settings', () => {
    const checks = [{ name: 'tests', run: 'npm test', timeoutSeconds: 300 }];
    const defaults = { ...agentDefaults, checks, setup: ['npm ci'], teardown: ['down'], concurrency: 3 };
    const first = firstAnswers(null, { executor: null } as RunChoices, defaults, false);
    expect(first).toMatchObject({ executor: 'api', place: 'auto', checks, setup: ['npm ci'] });
    const agents = { ...draft, ...first, executor: 'claude-code' as const, files: 'now', permissions: 'deny' as const };
    expect(forkRequestOf(agents, turnTarget, defaults)).toMatchObject({
      executor: 'claude-code',
      files: 'now',
      permissions: 'deny',
      place: 'auto',
      checks,
      setup: ['npm ci'],
      teardown: ['down'],
      include: ['.env*'],
      concurrency: 3,
    });
    const chosen = forkRequestOf({ ...agents, place: 'worktree', checks: [], setup: [] }, turnTarget, defaults);
    expect(chosen).toMatchObject({ place: 'worktree', checks: [], setup: [] });
    expect(forkRequestOf({ ...agents, executor: 'api' }, turnTarget, defaults)).not.toHaveProperty('checks');
  });
});

it('offers each model once, the nearest source first', () => {
  const offered = offeredModels(
    ['claude-opus-4-5', '<synthetic>'],
    ['my-model'],
    [summary({ file: '/a', models: ['my-model', 'claude-haiku-4-5'] })],
  );
  expect(offered.map(({ id, source }) => [id, source])).toEqual([
    ['claude-opus-4-5', 'this session'],
    ['my-model', 'settings'],
    ['claude-haiku-4-5', 'other sessions'],
  ]);
});

describe('endOfConversation', () => {
  it('cuts after the last reply of the active branch', () => {
    const recorded = session({ turns: [turn(1, 1), turn(2, 5, { active: false })] });
    expect(endOfConversation(recorded)).toEqual({ after: 'step-2' });
  });
  it('cuts before the last turn where no prompt could follow', () => {
    const steps = [step(2, { toolCalls: [call('Bash', { command: 'ls' })] })];
    expect(endOfConversation(session({ turns: [turn(1, 1, { steps })] }))).toEqual({ turn: 1 });
    expect(endOfConversation(session({ turns: [turn(1, 1, { interrupted: true })] }))).toEqual({ turn: 1 });
  });
  it('refuses an empty session', () => expect(() => endOfConversation(session({}))).toThrow('no turns'));
});

describe('sendLine', () => {
  const preview = {
    host: 'api.anthropic.com',
    requests: 5,
    billed: true,
    costUsd: { low: 0.06, high: 0.11 },
    branches: [{ estimatedInputTokens: 18_200 }, { estimatedInputTokens: 17_000 }],
    agent: null,
    unpriced: [],
  } as unknown as ForkPreview;
  it('says what goes where and what it costs', () => {
    expect(sendLine(preview)).toBe('5 requests to api.anthropic.com · about 18.2k tokens each · $0.06–0.11');
  });
  it('says unknown as unknown, and the demo as not billed', () => {
    const unknown = { ...preview, costUsd: null, branches: [{ estimatedInputTokens: null }] } as unknown as ForkPreview;
    expect(sendLine(unknown)).toBe('5 requests to api.anthropic.com · input tokens unknown · unknown cost');
    expect(sendLine({ ...preview, host: null, billed: false })).toContain('to the offline demo model');
    expect(sendLine({ ...preview, host: null, billed: false })).toContain('not billed');
  });
  it('says of agents who works where, and whether they are billed', () => {
    const subscription = { ...preview, agent: agentPreview({ folder: '/srv/shop' }) };
    expect(sendLine(subscription)).toBe(
      '5 agents · Claude Code 2.1.329 · overlay at /srv/shop · about 18.2k tokens each to begin · counts against your plan',
    );
    const { agent } = agentPreview();
    const key = { ...preview, agent: agentPreview({ agent: { ...agent, billing: 'api' } }) };
    expect(sendLine(key)).toMatch(/\$0\.06–0\.11 estimated$/);
  });
});
