import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  inputWithAnswers,
  type PermissionCall,
  type PermissionContext,
  pathOf,
  permissionKey,
  permissionPolicy,
} from '../../../../src/core/agent/permissionPolicy.ts';

const decide = (
  [tool, input]: [string, Record<string, unknown>],
  context: Partial<PermissionContext> = {},
  more: Partial<PermissionCall> = {},
) =>
  permissionPolicy(
    { tool, input, reason: 'as Claude Code says', sensitive: false, ...more },
    {
      permissions: 'ask',
      allowedCommands: [],
      allowedBefore: new Set(),
      placePath: '/place',
      outside: null,
      ...context,
    },
  );
const outside = 'It lies outside of the branch’s copy.';
const shell = (command: string): [string, Record<string, unknown>] => ['Bash', { command, description: 'x' }];
const write: [string, Record<string, unknown>] = ['Write', { file_path: '/place/a', content: '' }];
const policies = ['ask', 'deny', 'bypass'] as const;

describe('files', () => {
  it('are read and edited in the place without a question', () => {
    const edits = ['Edit', 'Write', 'MultiEdit'].map((tool): [string, Record<string, unknown>] => [
      tool,
      { file_path: '/place/a' },
    ]);
    const reads: [string, Record<string, unknown>][] = [
      ['Read', { file_path: '/place/a' }],
      ['Grep', { pattern: 'x' }],
      ['Glob', { pattern: '*', path: '/place' }],
      ['NotebookEdit', { notebook_path: '/place/a.ipynb' }],
    ];
    for (const permissions of policies) {
      for (const call of [...edits, ...reads]) expect(decide(call, { permissions })).toEqual({ kind: 'allow' });
    }
  });

  it('are never edited outside of it, and the agent hears where it may', () => {
    for (const permissions of policies) {
      const decision = decide(['Edit', { file_path: '/etc/x' }], { permissions, outside });
      expect(decision).toMatchObject({ kind: 'deny', message: expect.stringContaining('/place') });
      expect(decision).toMatchObject({ message: expect.stringContaining(outside) });
      expect(decide(['Edit', {}], { permissions })).toMatchObject({ kind: 'deny' });
    }
  });

  it('are read outside of it only with a permission', () => {
    const read: [string, Record<string, unknown>] = ['Read', { file_path: '/etc/x' }];
    expect(decide(read, { outside })).toEqual({ kind: 'ask', reason: outside });
    expect(decide(read, { outside, permissions: 'deny' })).toMatchObject({ kind: 'deny' });
    expect(decide(read, { outside, permissions: 'bypass' })).toEqual({ kind: 'allow' });
  });

  it('that decide what runs later are asked for', () => {
    expect(decide(write, {}, { sensitive: true })).toMatchObject({ kind: 'ask' });
    expect(decide(write, { permissions: 'deny' }, { sensitive: true })).toMatchObject({ kind: 'deny' });
    const before = new Set([permissionKey(...write)]);
    expect(decide(write, { allowedBefore: before }, { sensitive: true })).toEqual({ kind: 'allow' });
    expect(decide(write, { allowedBefore: before, outside }, { sensitive: true })).toMatchObject({ kind: 'deny' });
  });
});

describe('commands', () => {
  it('go through where they equal one that is allowed', () => {
    const allowedCommands = ['npm test', 'ls'];
    expect(decide(shell(' npm test\n'), { allowedCommands })).toEqual({ kind: 'allow' });
    for (const command of ['npm test; rm -rf /', 'npm  test', 'npm', 'NPM TEST', ''])
      expect(decide(shell(command), { allowedCommands })).toEqual({ kind: 'ask', reason: 'as Claude Code says' });
    expect(decide(['Bash', { command: 'ls', dangerouslyDisableSandbox: true }], { allowedCommands }).kind).toBe('ask');
  });

  it('are allowed once for all where a person said so, whatever they are described as', () => {
    const allowedBefore = new Set([permissionKey('Bash', { command: 'make', description: 'builds' })]);
    expect(decide(shell('make'), { allowedBefore })).toEqual({ kind: 'allow' });
    expect(decide(shell('make'), { allowedBefore, permissions: 'deny' })).toEqual({ kind: 'allow' });
    expect(decide(shell('make all'), { allowedBefore })).toMatchObject({ kind: 'ask' });
  });

  it('are denied by the name of the file, where one is written that decides what runs later', () => {
    const hook: [string, Record<string, unknown>] = ['Write', { file_path: '/place/.git/hooks/x', content: '' }];
    expect(decide(hook, { permissions: 'deny' }, { sensitive: true })).toMatchObject({
      kind: 'deny',
      message: expect.stringContaining('Write of /place/.git/hooks/x is not allowed here'),
    });
  });

  it('are denied where nobody is there, with words for the agent', () => {
    expect(decide(shell('make'), { permissions: 'deny' })).toMatchObject({
      kind: 'deny',
      message: expect.stringContaining('Go on without this call'),
    });
    expect(decide(shell('make'), { permissions: 'bypass' })).toEqual({ kind: 'allow' });
  });
});

describe('the web and other tools', () => {
  it.each([
    ['WebFetch', { url: 'https://a.example/1' }, { url: 'https://a.example/2' }, { url: 'https://b.example/1' }],
    ['mcp__db__query', { sql: '1' }, { sql: '2' }, null],
    ['WebSearch', { query: '1' }, { query: '2' }, null],
    ['Skill', { skill: 'a', args: 'b' }, { args: 'b', skill: 'a' }, { skill: 'b' }],
  ])('%s is asked for, and allowed again for the same', (tool, first, same, other) => {
    expect(decide([tool, first])).toMatchObject({ kind: 'ask' });
    const allowedBefore = new Set([permissionKey(tool, first)]);
    expect(decide([tool, same], { allowedBefore })).toEqual({ kind: 'allow' });
    if (other !== null) expect(decide([tool, other], { allowedBefore })).toMatchObject({ kind: 'ask' });
  });

  it('questions and plans go to a person, or back to the agent', () => {
    for (const tool of ['AskUserQuestion', 'ExitPlanMode']) {
      const allowedBefore = new Set([permissionKey(tool, {})]);
      expect(decide([tool, {}], { allowedBefore })).toMatchObject({ kind: 'ask' });
      expect(decide([tool, {}], { permissions: 'bypass' })).toMatchObject({ kind: 'ask' });
      expect(decide([tool, {}], { permissions: 'deny' })).toMatchObject({
        kind: 'deny',
        message: expect.stringContaining('by yourself'),
      });
    }
    const answers = { 'Which?': 'A' };
    expect(inputWithAnswers({ questions: [] }, { behavior: 'allow', scope: 'call', answers })).toEqual({
      questions: [],
      answers,
    });
    expect(inputWithAnswers({ a: 1 }, { behavior: 'allow', scope: 'call' })).toEqual({ a: 1 });
  });
});

it('any call is decided, and never lets a write out', () => {
  const tools = fc.oneof(
    fc.constantFrom('Edit', 'Write', 'Bash', 'Read', 'WebFetch', 'Grep', 'NotebookEdit'),
    fc.string(),
  );
  const input = fc.dictionary(fc.constantFrom('file_path', 'notebook_path', 'path', 'url', 'command'), fc.jsonValue());
  fc.assert(
    fc.property(tools, input, fc.constantFrom(...policies), (tool, given, permissions) => {
      const path = pathOf(tool, given);
      const decision = decide([tool, given], { permissions, outside: path === null ? null : outside });
      if (['Edit', 'Write', 'NotebookEdit'].includes(tool)) expect(decision.kind).toBe('deny');
      if (permissions === 'deny') expect(decision.kind).not.toBe('ask');
    }),
  );
});
