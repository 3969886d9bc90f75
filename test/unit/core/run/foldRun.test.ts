import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forkRequestSchema } from '../../../../src/core/fork/forkRequest.ts';
import { planFork } from '../../../../src/core/fork/planFork.ts';
import type { BranchEvent } from '../../../../src/core/run/branchEvent.ts';
import { foldRun } from '../../../../src/core/run/foldRun.ts';
import { MemoryBlobs, sha256 } from '../../../support/memoryStores.ts';
import { context, runId, summary } from '../../../support/plans.ts';

const blobs = new MemoryBlobs();
const plan = await planFork(
  summary(),
  context(),
  forkRequestSchema.parse({ session: 's', at: { turn: 2 }, branches: [{ name: 'a' }, { name: 'b' }] }),
  { runId, createdAt: '2026-01-01T00:00:00.000Z', provider: 'demo', sha256, put: (value) => blobs.put(value) },
);
const [b1, b2] = plan.branches.map((branch) => branch.branchId);
const at = '2026-01-01T00:00:01.000Z';
const usage = { inputTokens: 10, outputTokens: 5, cacheReadTokens: 0, cacheWriteTokens: 0 };
const result = (step: number, costUsd: number | null = 0.5) => ({
  step,
  turn: 2,
  reply: plan.baseline,
  model: 'm',
  stopReason: 'end_turn',
  usage,
  toolCalls: 0,
  costUsd,
});
const ended = (state: 'completed' | 'failed', code?: string): BranchEvent => ({
  type: 'branch-ended',
  runId,
  branchId: b1!,
  at,
  outcome: {
    state,
    stopReason: null,
    error: code === undefined ? null : { code, message: 'm', hint: 'h' },
    billing: 'known',
    divergedAtTurn: null,
  },
});

describe('foldRun', () => {
  it.each([
    ['<command-message>tidy-up</command-message> <command-name>/tidy-up</command-name…', '/tidy-up'],
    [
      '<command-message>tidy-up</command-message> <command-name>/tidy-up</command-name> <command-args>all</command-args>',
      '/tidy-up all',
    ],
    [
      '<ide_opened_file>The user opened the file /home/kim/demo/a.txt in the IDE. Thi…',
      'The user opened the file /home/kim/demo/a.txt in the IDE. Thi…',
    ],
    ['<div> is broken', '<div> is broken'],
  ])('w13: a title of an earlier release is shown without the markup of Claude Code: %s', (title, shown) => {
    expect(foldRun({ ...plan, title }, []).title).toBe(shown);
  });

  it('is pending before anything happened', () => {
    const view = foldRun(plan, []);
    expect(view.state).toBe('pending');
    expect(view.branches.map((branch) => branch.state)).toEqual(['pending', 'pending']);
    expect(view.costUsd).toBe(0);
  });

  it('shows streamed text while it runs, and counts usage once it is known', () => {
    const events: BranchEvent[] = [
      { type: 'run-started', runId, at, attempt: 1 },
      { type: 'branch-started', runId, branchId: b1!, at },
      { type: 'request-sent', runId, branchId: b1!, at, step: 1, attempt: 1 },
      { type: 'text-delta', runId, branchId: b1!, at, step: 1, text: 'Hel', outputTokens: 1 },
      { type: 'text-delta', runId, branchId: b1!, at, step: 1, text: 'lo', outputTokens: 2 },
    ];
    const running = foldRun(plan, events);
    expect(running.state).toBe('running');
    expect(running.branches[0]).toMatchObject({
      state: 'running',
      text: 'Hello',
      unfinishedText: 'Hello',
      attempts: 1,
    });
    const done = foldRun(plan, [...events, { type: 'step-completed', runId, branchId: b1!, at, result: result(1) }]);
    expect(done.branches[0]).toMatchObject({ text: 'Hello', unfinishedText: '', usage, costUsd: 0.5, steps: 1 });
  });

  it('says of a reply that ends to call a tool that it calls none', () => {
    const step = (toolCalls: number, text: string): BranchEvent[] => [
      { type: 'text-delta', runId, branchId: b1!, at, step: 1, text, outputTokens: null },
      { type: 'step-completed', runId, branchId: b1!, at, result: { ...result(1), stopReason: 'tool_use', toolCalls } },
    ];
    const notesOf = (events: BranchEvent[]) => foldRun(plan, events).branches[0]?.notes;
    const planned = foldRun(plan, []).branches[0]?.notes ?? [];
    expect(notesOf(step(1, ''))).toEqual(planned);
    const silent = 'Reply 1 says nothing and calls no tool, though it ends with tool_use.';
    expect(notesOf(step(0, ''))).toEqual([...planned, silent]);
    expect(notesOf(step(0, 'Now.'))).toEqual([...planned, 'Reply 1 calls no tool, though it ends with tool_use.']);
  });

  it('forgets the text of a try that is made again', () => {
    const view = foldRun(plan, [
      { type: 'request-sent', runId, branchId: b1!, at, step: 1, attempt: 1 },
      { type: 'text-delta', runId, branchId: b1!, at, step: 1, text: 'old', outputTokens: null },
      { type: 'request-sent', runId, branchId: b1!, at, step: 1, attempt: 2 },
      { type: 'text-delta', runId, branchId: b1!, at, step: 1, text: 'new', outputTokens: null },
    ]);
    expect(view.branches[0]).toMatchObject({ text: 'new', attempts: 2 });
  });

  it('says that a cost is unknown where one price is', () => {
    const view = foldRun(plan, [
      { type: 'step-completed', runId, branchId: b1!, at, result: result(1) },
      { type: 'step-completed', runId, branchId: b2!, at, result: result(1, null) },
    ]);
    expect([view.branches[0]?.costUsd, view.branches[1]?.costUsd, view.costUsd]).toEqual([0.5, null, null]);
  });

  it('marks a run as interrupted when its process went away', () => {
    const view = foldRun(plan, [
      { type: 'run-started', runId, at, attempt: 1 },
      { type: 'branch-started', runId, branchId: b1!, at },
      ended('failed', 'interrupted'),
      { type: 'run-ended', runId, at, state: 'failed' },
    ]);
    expect(view).toMatchObject({ state: 'failed', interrupted: true });
    expect(view.branches[1]?.state).toBe('pending');
  });

  it('counts every event once however often it stands in the log', () => {
    const log: BranchEvent[] = [
      { type: 'run-started', runId, at, attempt: 1 },
      { type: 'branch-started', runId, branchId: b1!, at },
      { type: 'step-completed', runId, branchId: b1!, at, result: result(1) },
      {
        type: 'tools-answered',
        runId,
        branchId: b1!,
        at,
        step: 1,
        calls: [{ id: 'c', name: 'Read', input: {}, answer: 'recorded' }],
      },
      { type: 'step-completed', runId, branchId: b1!, at, result: result(2) },
      ended('completed'),
      { type: 'run-ended', runId, at, state: 'completed' },
    ];
    const whole = foldRun(plan, log);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: log.length - 1 }), { maxLength: 5 }), (twice) => {
        const doubled = log.flatMap((event, index) => (twice.includes(index) ? [event, event] : [event]));
        expect(foldRun(plan, doubled)).toEqual(whole);
      }),
    );
  });

  it('counts what every process of an agent cost: as it was reported, by price where a process was lost', () => {
    const sent = (resumed: boolean): BranchEvent => ({
      type: 'prompt-sent',
      runId,
      branchId: b1!,
      at,
      turn: 2,
      promptsBefore: 0,
      resumed,
      inDoubt: [],
    });
    const over = (kind: 'completed' | 'limit' | 'timeout', costUsd: number | null): BranchEvent => ({
      type: 'agent-turn-ended',
      runId,
      branchId: b1!,
      at,
      turn: 2,
      kind,
      costUsd,
      activeMs: 1,
    });
    const step = (of: number): BranchEvent => ({
      type: 'step-completed',
      runId,
      branchId: b1!,
      at,
      result: result(of),
    });
    const { reply, model } = result(1);
    const below: BranchEvent = {
      type: 'subagent-step',
      runId,
      branchId: b1!,
      at,
      parent: 'c1',
      reply,
      model,
      usage,
      calls: [],
      costUsd: 0.25,
    };
    const reset: BranchEvent = { type: 'branch-reset', runId, branchId: b1!, at, reason: 'resume' };
    const [killed, goneOn] = [
      [sent(false), step(1), below, step(2)],
      [sent(true), step(3)],
    ];
    const spent = (...events: BranchEvent[]) => {
      const [branch] = foldRun(plan, events).branches;
      return [branch?.costUsd, branch?.billing];
    };
    expect(spent(...killed)).toEqual([1.25, 'known']);
    expect(spent(...killed, ended('failed', 'interrupted'))).toEqual([1.25, 'unknown']);
    // What a lost process sent beside, and what it was in the middle of, nobody knows.
    expect(spent(...killed, ended('failed'), reset, ...goneOn, over('completed', 0.75))).toEqual([2, 'unknown']);
    expect(spent(...killed, ...goneOn)).toEqual([1.75, 'unknown']);
    expect(spent(...killed, over('limit', 1), ...goneOn, over('completed', 0.75))).toEqual([1.75, 'known']);
    expect(spent(...killed, over('timeout', null), reset, ...goneOn, over('completed', 0.75))).toEqual([2, 'unknown']);
  });

  it('says of an agent’s call whether it waits for a person, was refused, or was never carried out', () => {
    const call = (id: string) => ({ id, name: 'Bash', input: {}, answer: 'open' as const });
    const of = { runId, branchId: b1!, at };
    const asked = (callId: string): BranchEvent => ({
      type: 'question-asked',
      ...of,
      question: { callId, tool: 'Bash', input: {}, askedAt: at, reason: null },
    });
    const answered = (callId: string, behavior: 'allow' | 'deny'): BranchEvent => ({
      type: 'question-answered',
      ...of,
      callId,
      answer: { behavior, scope: 'call' },
    });
    const came = (callId: string): BranchEvent => ({
      type: 'tool-result',
      ...of,
      callId,
      result: plan.baseline,
      isError: false,
      parent: null,
    });
    const calls = ['plain', 'allowed', 'lost', 'denied', 'refused', 'hooked', 'dropped', 'open'];
    const events: BranchEvent[] = [
      { type: 'run-started', runId, at, attempt: 1 },
      { type: 'branch-started', ...of },
      { type: 'tools-answered', ...of, step: 1, calls: calls.map(call) },
      ...calls.slice(1).flatMap((id) => (id === 'refused' ? [] : [asked(id)])),
    ];
    const answers = (more: BranchEvent[]) =>
      foldRun(plan, [...events, ...more]).branches[0]?.toolCalls.map(({ id, answer }) => `${id} ${answer}`);
    expect(answers([])?.filter((text) => text.endsWith('waiting'))).toHaveLength(6);
    expect(answers([])?.filter((text) => text.endsWith('executed'))).toEqual([]);
    expect(answers([answered('allowed', 'allow')])?.slice(0, 2)).toEqual(['plain open', 'allowed open']);
    const withdrawn = (callId: string): BranchEvent => ({ type: 'question-withdrawn', ...of, callId });
    const on: BranchEvent[] = [
      came('plain'),
      answered('allowed', 'allow'),
      withdrawn('allowed'),
      came('allowed'),
      answered('lost', 'allow'),
      answered('denied', 'deny'),
      { type: 'call-denied', ...of, callId: 'refused', tool: 'Bash', message: 'No.' },
      withdrawn('hooked'),
      came('hooked'),
      withdrawn('dropped'),
    ];
    const told = (lost: string, open: string) => [
      'plain executed',
      'allowed executed',
      `lost ${lost}`,
      'denied denied',
      'refused denied',
      'hooked executed',
      'dropped none',
      `open ${open}`,
    ];
    expect(answers(on)).toEqual(told('open', 'waiting'));
    expect(answers([...on, ended('completed')])).toEqual(told('none', 'none'));
  });

  it('keeps what changed since the run before, until it is run again', () => {
    const previous = runId;
    const changes = { previous, costUsd: { before: 1, after: 2 }, branches: [], onlyBefore: [], onlyAfter: [] };
    const events: BranchEvent[] = [
      { type: 'run-started', runId, at, attempt: 1 },
      { type: 'run-ended', runId, at, state: 'completed' },
      { type: 'previous-compared', runId, at, changes, comparison: plan.baseline },
    ];
    const scheduled = { ...plan, schedule: { name: 'nightly', previous } };
    const of = (more: BranchEvent[]) => foldRun(scheduled, [...events, ...more]);
    expect(of([])).toMatchObject({ state: 'completed', schedule: { name: 'nightly', previous, changes } });
    const again = of([{ type: 'run-started', runId, at, attempt: 2 }]).schedule;
    expect(again).toEqual({ name: 'nightly', previous, changes: null, comparison: null });
    expect(foldRun(plan, events).schedule).toBeNull();
  });
});
