import { describe, expect, test } from 'vitest';
import type { Executor } from '../../../../src/core/agent/agentSettings.ts';
import { fieldOfPath, forkRequestOf as requestOf } from '../../../../src/views/forkPanel/forkRequestOf.ts';
import { newDraft } from '../../../../src/views/forkPanel/newDraft.ts';
import type { BranchDraft, ForkDraft } from '../../../../src/views/forkPanel/protocol.ts';
import { agentDefaults, draftDefaults } from '../support/agents.ts';

const forkRequestOf = (draft: ForkDraft, recorded: string | null, executor: Executor = 'api') =>
  requestOf(draft, recorded, { ...agentDefaults, executor });

function draft(over: Partial<ForkDraft> = {}, branch: Partial<BranchDraft> = {}): ForkDraft {
  const fresh = newDraft('/s.jsonl', { turn: 2 }, draftDefaults);
  return { ...fresh, branches: [{ ...fresh.branches[0]!, ...branch }], ...over };
}

const problems = (given: ForkDraft, recorded: string | null = 'Recorded') => forkRequestOf(given, recorded).problems;

test('an untouched draft changes nothing', () => {
  expect(forkRequestOf(draft(), 'Recorded').request).toEqual({
    session: '/s.jsonl',
    at: { turn: 2 },
    engine: 'in-process',
    executor: 'api',
    tools: 'recorded',
    maxSteps: 20,
    timeoutSeconds: 600,
    branches: [{ name: 'as recorded', repeats: 1 }],
  });
});

test('everything that a row can change', () => {
  const row: Partial<BranchDraft> = {
    name: ' terse ',
    model: ' claude-haiku-4-5 ',
    prompt: 'In one line.',
    system: { mode: 'append', text: 'Be brief.' },
    effort: 'low',
    thinking: { mode: 'budget', tokens: '2048' },
    maxTokens: '900',
    repeats: '3',
  };
  expect(forkRequestOf(draft({ budgetUsd: '$2.50', timeoutMinutes: '1.5' }, row), 'Recorded').request).toMatchObject({
    budgetUsd: 2.5,
    timeoutSeconds: 90,
    branches: [
      {
        name: 'terse',
        model: 'claude-haiku-4-5',
        prompt: 'In one line.',
        system: { append: 'Be brief.' },
        effort: 'low',
        thinking: { budgetTokens: 2048 },
        maxTokens: 900,
        repeats: 3,
      },
    ],
  });
});

test('an empty system prompt may replace the recorded one; thinking can be off', () => {
  const row: Partial<BranchDraft> = { system: { mode: 'replace', text: '' }, thinking: { mode: 'off', tokens: '' } };
  expect(forkRequestOf(draft({}, row), 'Recorded').request?.branches[0]).toMatchObject({
    system: { replace: '' },
    thinking: 'off',
  });
});

test('a prompt that says what was recorded is no change', () => {
  expect(forkRequestOf(draft({ prompt: 'Recorded' }), 'Recorded').request?.prompt).toBeUndefined();
  expect(forkRequestOf(draft({ prompt: 'Other' }), 'Recorded').request?.prompt).toBe('Other');
});

test('an emptied prompt is a problem where one was recorded, and none after a message', () => {
  expect(problems(draft({ prompt: ' ' }))).toEqual([
    { field: 'prompt', message: expect.stringContaining('Write a prompt') },
  ]);
  expect(forkRequestOf(draft({ prompt: '' }), null).request).not.toBeNull();
});

test.each<[string, Partial<BranchDraft>]>([
  ['name', { name: '  ' }],
  ['name', { name: 'x'.repeat(81) }],
  ['model', { model: '' }],
  ['prompt', { prompt: ' ' }],
  ['system', { system: { mode: 'append', text: ' ' } }],
  ['thinking', { thinking: { mode: 'budget', tokens: '' } }],
  ['thinking', { thinking: { mode: 'budget', tokens: '12' } }],
  ['maxTokens', { maxTokens: 'many' }],
  ['maxTokens', { maxTokens: '1.5' }],
  ['repeats', { repeats: '0' }],
  ['repeats', { repeats: '51' }],
])('a wrong %s is told at its field', (field, branch) => {
  expect(problems(draft({}, branch)).map((problem) => problem.field)).toEqual([`branch:recorded:${field}`]);
});

test.each<[string, Partial<ForkDraft>]>([
  ['timeoutMinutes', { timeoutMinutes: '0' }],
  ['timeoutMinutes', { timeoutMinutes: '2000' }],
  ['maxSteps', { maxSteps: '-1' }],
  ['budgetUsd', { budgetUsd: 'a lot' }],
  ['branches', { branches: [] }],
])('a wrong %s is told at its field', (field, over) => {
  expect(problems(draft(over)).map((problem) => problem.field)).toEqual([field]);
});

test('the second of two equal names is the one to change', () => {
  const [row] = draft().branches;
  expect(problems(draft({ branches: [row!, { ...row!, key: 'b1' }] }))).toEqual([
    { field: 'branch:b1:name', message: 'Two branches are called "as recorded". Give each its own name.' },
  ]);
});

describe('for agents', () => {
  const check = (key: string, run: string, name = '') => ({ key, name, run, timeoutSeconds: null });
  const agents = (over: Partial<ForkDraft> = {}) => forkRequestOf(draft(over), 'Recorded', 'claude-code');
  const fields = (over: Partial<ForkDraft>) => agents(over).problems.map(({ field }) => field);

  test('an untouched draft says what the settings say, and nothing of what only the API knows', () => {
    expect(agents().request).toMatchObject({
      executor: 'claude-code',
      place: 'auto',
      files: 'turn',
      permissions: 'ask',
      allowRecorded: false,
      setup: [],
      checks: [],
      include: ['.env*'],
      concurrency: 2,
    });
    expect(agents({ maxSteps: 'many' }).problems).toEqual([]);
    expect(forkRequestOf(draft({ maxTurns: 'many' }), 'Recorded', 'api').problems).toEqual([]);
  });

  test('checks and set-up commands that were filled in are run; a check without a name is called by its command', () => {
    const checks = [
      check('c1', 'npm test'),
      check('c2', ''),
      { ...check('c3', 'npx tsc', 'types'), timeoutSeconds: 60 },
    ];
    const setup = [
      { key: 's1', run: '' },
      { key: 's2', run: 'npm ci' },
    ];
    expect(
      agents({ checks, setup, maxTurns: '12', files: { mode: 'commit', commit: ' v1.2 ' } }).request,
    ).toMatchObject({
      checks: [
        { name: 'npm test', run: 'npm test', timeoutSeconds: 300 },
        { name: 'types', run: 'npx tsc', timeoutSeconds: 60 },
      ],
      setup: ['npm ci'],
      maxTurns: 12,
      files: 'v1.2',
    });
  });

  test.each<[string, Partial<ForkDraft>]>([
    ['files', { files: { mode: 'commit', commit: '' } }],
    ['files', { files: { mode: 'commit', commit: '--all' } }],
    ['maxTurns', { maxTurns: '0' }],
    ['maxTurns', { maxTurns: 'many' }],
    ['check:c2:run', { checks: [check('c1', ''), check('c2', '', 'tests')] }],
    ['check:c2:name', { checks: [check('c1', 'npm test'), check('c2', 'npm test')] }],
  ])('a wrong %s is told at its field: %j', (field, over) => {
    expect(fields(over)).toEqual([field]);
  });

  test('what the planning says of a check or a command is told at its row, empty rows left out', () => {
    const given = draft({ checks: [check('c1', ''), check('c2', 'npm test')], setup: [{ key: 's1', run: 'npm ci' }] });
    expect(fieldOfPath(['checks', 0, 'run'], given)).toBe('check:c2:run');
    expect(fieldOfPath(['setup', 0], given)).toBe('setup:s1:run');
    expect(fieldOfPath(['files'], given)).toBe('files');
  });
});
