import MarkdownIt from 'markdown-it';
import { describe, expect, it } from 'vitest';
import { noUsage } from '../../../../src/core/api/usage.ts';
import { blobRefSchema, branchIdSchema, runIdSchema } from '../../../../src/core/ids.ts';
import type { StepResult } from '../../../../src/core/run/branchOutcome.ts';
import type { RunChanges } from '../../../../src/core/run/runChanges.ts';
import type { RunView } from '../../../../src/core/run/runView.ts';
import { branchChildren } from '../../../../src/views/runTree/branchChildren.ts';
import { endedMessage } from '../../../../src/views/runTree/endedMessage.ts';
import { branchNodes, runNode, sinceChildren, sinceNodes } from '../../../../src/views/runTree/runNodes.ts';
import { costOfRun, runRow } from '../../../../src/views/runTree/runRows.ts';
import { runTooltip } from '../../../../src/views/runTree/runTooltips.ts';
import { branch, run } from '../support/runs.ts';

const now = Date.parse('2026-11-20T12:00:00Z');
const rows = (view: RunView) =>
  [runNode(view), ...branchNodes(view)].map((node) => {
    const { label, description, icon } = runRow(node, now);
    return `${icon} ${label} | ${description}`;
  });
const failure = { code: 'rate_limited', message: 'The API asks to wait.', hint: 'Retry later.' };

describe('rows', () => {
  it('of a run under way', () => {
    const view = run({
      state: 'running',
      branches: [
        branch('b1', { name: 'as recorded', model: 'claude-opus-4-5' }),
        branch('b2-1', { repeat: 1, repeats: 3, usage: { ...noUsage, outputTokens: 130 } }),
        branch('b2-2', {
          repeat: 2,
          repeats: 3,
          usage: { ...noUsage, outputTokens: 130 },
          endedAt: '2026-11-20T10:00:02Z',
        }),
        branch('b2-3', { repeat: 3, repeats: 3, usage: { ...noUsage, outputTokens: 140 }, state: 'running' }),
        branch('b3', { name: 'terse', state: 'running', usage: { ...noUsage, outputTokens: 212 }, endedAt: null }),
        branch('b4', { name: 'new', state: 'running', usage: noUsage, text: 'x'.repeat(80), endedAt: null }),
        branch('b5', { name: 'later', state: 'pending', text: '', usage: noUsage, startedAt: null, endedAt: null }),
        branch('b6', { name: 'again', state: 'running', text: '', usage: noUsage, retryingInMs: 5_000 }),
      ],
    });
    expect(rows(view)).toEqual([
      'loading~spin Now handle emoji | 3 of 8 · $0.04',
      'pass as recorded | Opus 4.5 · 1.2k · $0.02 · 8 s',
      'loading~spin cheaper | Haiku 4.5 · 2 of 3 · 0.4k · $0.06',
      'loading~spin terse | running · 0.2k',
      'loading~spin new | running · 80 characters',
      'circle-outline later | waiting',
      'loading~spin again | asks again in 5 s',
    ]);
  });

  it('of runs that ended', () => {
    expect(rows(run())).toEqual([
      'repo-forked Now handle emoji | 1 branch · $0.04 · 2 h',
      'pass cheaper | Haiku 4.5 · 1.2k · $0.02 · 8 s',
    ]);
    const failed = run({
      state: 'failed',
      costUsd: null,
      branches: [branch('b1', { state: 'failed', error: failure, costUsd: null, billing: 'unknown' })],
    });
    expect(rows(failed)).toEqual([
      'error Now handle emoji | 1 branch · 1 failed · unknown cost · 2 h',
      'error cheaper | Haiku 4.5 · failed: The API asks to wait. · 1.2k · unknown cost · billing unknown · 8 s',
    ]);
    const saved = { replies: 2, usage: noUsage, costUsd: 0.12 };
    const cached = run({
      costUsd: 0,
      branches: [branch('b1', { cached: true, saved, usage: noUsage, costUsd: 0, attempts: 0 })],
    });
    expect(rows(cached)[1]).toBe('pass cheaper | Haiku 4.5 · cached · 8 s');
    for (const node of [runNode(cached), ...branchNodes(cached)]) {
      expect(runTooltip(node)).toContain('2 replies from the result cache');
    }
    expect(
      rows(run({ kind: 'replay', branches: [branch('b1', { stopReason: 'diverged', divergedAtTurn: 3 })] })),
    ).toEqual([
      'history Now handle emoji | 1 branch · $0.04 · 2 h',
      'pass cheaper | Haiku 4.5 · diverged at turn 3 · 1.2k · $0.02 · 8 s',
    ]);
  });

  it('of an interrupted run', () => {
    const view = run({
      state: 'failed',
      interrupted: true,
      branches: [branch('b1', { state: 'failed', error: { ...failure, code: 'interrupted' } })],
    });
    expect(rows(view)[0]).toBe('debug-pause Now handle emoji | interrupted · 1 branch · $0.04 · 2 h');
    expect(runRow(runNode(view), now).context).toBe('run ended interrupted in-process');
  });

  it('of the steps of a branch, with what each called', () => {
    const step = (index: number, over: Partial<StepResult>): StepResult => ({
      step: index,
      turn: 1,
      reply: blobRefSchema.parse('a'.repeat(64)),
      model: 'claude-haiku-4-5',
      stopReason: 'end_turn',
      usage: { ...noUsage, outputTokens: 12 },
      toolCalls: 0,
      costUsd: 0.01,
      ...over,
    });
    const call = (name: string, input: object) => ({ id: name, name, input, answer: 'recorded' as const });
    const saved = { usage: noUsage, costUsd: 0.01 };
    const view = run({
      branches: [
        branch('b1', {
          results: [step(1, { toolCalls: 2, usage: noUsage, costUsd: 0, cached: saved }), step(2, { costUsd: null })],
          toolCalls: [call('Read', { file_path: 'a.ts' }), call('Bash', { command: 'npm test' })],
        }),
      ],
    });
    const [node] = branchNodes(view);
    if (node?.kind !== 'branch') throw new Error('no branch');
    expect(runRow(node, now).children).toBe('collapsed');
    const steps = branchChildren(node).map((child) => runRow(child, now));
    expect(steps.map(({ icon, label, description }) => `${icon} ${label} | ${description}`)).toEqual([
      'tools Reads a.ts, runs npm test | step 1 · answered by an earlier run',
      'sparkle Reply | step 2 · 12 tokens · unknown cost',
    ]);
    expect(steps.map(({ context }) => context)).toEqual(['step', 'step']);
  });

  it('offer what fits the state', () => {
    const context = (over: Partial<RunView>) => runRow(runNode(run(over)), now).context;
    expect(context({ state: 'running', engine: 'temporal' })).toBe('run underway temporal');
    expect(context({ state: 'failed', branches: [branch('b1', { state: 'failed' })] })).toBe(
      'run ended again in-process',
    );
    expect(context({})).toBe('run ended in-process');
  });
});

it('tooltips are inert', () => {
  const nasty = '<img src=x> ![y](https://evil.example/p.png) https://evil.example';
  const view = run({
    title: nasty,
    missing: [nasty],
    branches: [branch('b1', { text: nasty, notes: [nasty], error: { ...failure, message: nasty } })],
  });
  for (const node of [runNode(view), ...branchNodes(view)]) {
    expect(new MarkdownIt({ html: true, linkify: true }).render(runTooltip(node))).not.toMatch(/<(a|img)\b/);
  }
});

describe('a run of a schedule', () => {
  const changes: RunChanges = {
    previous: runIdSchema.parse('r-0'),
    costUsd: { before: 0.02, after: 0.04 },
    branches: [
      {
        branchId: branchIdSchema.parse('b1-1'),
        previousId: branchIdSchema.parse('b1-1'),
        name: 'cheaper',
        state: { before: 'completed', after: 'completed' },
        costUsd: { before: 0.02, after: 0.04 },
        similarity: 0.999,
        checks: [{ name: 'tests', before: true, after: false }],
        files: [{ path: 'src/a.ts', status: 'modified' }],
      },
    ],
    onlyBefore: [],
    onlyAfter: [],
  };
  const schedule = { name: 'nightly', previous: changes.previous, changes, comparison: null };

  it('says which one, and what changed since the run before', () => {
    const view = run({ schedule });
    expect(rows(view)[0]).toBe('repo-forked Now handle emoji | scheduled by nightly · 1 branch · $0.04 · 2 h');
    const below = sinceNodes(view).flatMap((node) => [node, ...sinceChildren(node)]);
    expect(below.map((node) => [runRow(node, now).label, runRow(node, now).description])).toEqual([
      ['since the run before', 'tests fails now · 1 file differs · 99 % alike · $0.02 more'],
      ['cheaper', 'tests fails now · 1 file differs · 99 % alike · $0.02 more'],
    ]);
    expect(below.map(runTooltip).join('\n')).toContain('tests\\: passed → failed');
    expect(endedMessage(view)?.text).toBe(
      'nightly: “Now handle emoji”: 1 branch done, $0.04. Since the run before: tests fails now · 1 file differs · 99 % alike · $0.02 more.',
    );
  });

  it('has no such row before it was compared', () =>
    expect(sinceNodes(run({ schedule: { ...schedule, changes: null } }))).toEqual([]));
});

describe('endedMessage', () => {
  it('names the run, what came out and the cost', () => {
    expect(endedMessage(run())).toEqual({
      text: '“Now handle emoji”: 1 branch done, $0.04.',
      warning: false,
      badKey: false,
    });
    expect(endedMessage(run({ interrupted: true }))?.text).toBe(
      '“Now handle emoji” was interrupted after 1 of 1 branch.',
    );
  });

  it('names the cause where all failures have the same', () => {
    const refused = { code: 'authentication', message: 'The key is refused.', hint: 'Set another one.' };
    const view = run({
      state: 'failed',
      costUsd: null,
      branches: [branch('b1'), branch('b2', { state: 'failed', error: refused })],
    });
    const text =
      '“Now handle emoji”: 1 of 2 branches done, 1 failed, unknown cost. The key is refused. Set another one.';
    expect(endedMessage(view)).toEqual({ text, warning: true, badKey: true });
    const mixed = run({
      state: 'failed',
      branches: [branch('b1', { state: 'failed', error: failure }), branch('b2', { state: 'failed', error: refused })],
    });
    expect(endedMessage(mixed)).toEqual({
      text: '“Now handle emoji”: 0 of 2 branches done, 2 failed, $0.04.',
      warning: true,
      badKey: false,
    });
  });

  it('says nothing of what the person cancelled', () => expect(endedMessage(run({ state: 'cancelled' }))).toBeNull());
});

it('a cost with a request that may have been billed is said as such', () => {
  const billing = 'unknown' as const;
  expect(costOfRun(run({ branches: [branch('b1', { billing })] }))).toBe('at least $0.04');
  expect(costOfRun(run({ costUsd: 0, branches: [branch('b1', { billing })] }))).toBe('unknown cost');
  expect(costOfRun(run({ costUsd: null }))).toBe('unknown cost');
});
