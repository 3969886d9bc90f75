import { describe, expect, it } from 'vitest';
import type { StoredReply } from '../../../../src/core/api/storedReply.ts';
import { ModelCallError } from '../../../../src/core/errors.ts';
import type { ForkPlan } from '../../../../src/core/fork/forkPlan.ts';
import { forkRequestSchema, replayRequestSchema } from '../../../../src/core/fork/forkRequest.ts';
import { planFork, planReplay } from '../../../../src/core/fork/planFork.ts';
import { advance } from '../../../../src/core/run/advance.ts';
import type { StepResult } from '../../../../src/core/run/branchOutcome.ts';
import type { ModelCall } from '../../../../src/core/run/callModel.ts';
import { branchesToRun, completedSteps, foldRun } from '../../../../src/core/run/foldRun.ts';
import { BranchStopped, type PlanPorts, runPlan } from '../../../../src/core/run/runPlan.ts';
import type { StepPosition } from '../../../../src/core/run/runPosition.ts';
import { agentPlan } from '../../../support/agentBench.ts';
import { ManualClock, MemoryBlobs, MemoryLog, sha256 } from '../../../support/memoryStores.ts';
import { noAgentPorts } from '../../../support/noAgents.ts';
import { context, runId, step, summary, turn } from '../../../support/plans.ts';

const usage = { inputTokens: 10, outputTokens: 5, cacheReadTokens: 0, cacheWriteTokens: 0 };
const says = (text: string): StoredReply => ({
  content: [{ type: 'text', text }],
  model: 'm',
  stopReason: 'end_turn',
  usage,
  requestId: null,
});
const callsTool = (...calls: [name: string, input: unknown][]): StoredReply => ({
  ...says(''),
  content: calls.map(([name, input], index) => ({ type: 'tool_use', id: `c${index}`, name, input: input as null })),
  stopReason: 'tool_use',
});

/** A run over memory: `answer` stands in for the model, everything else is the product's. */
function world(answer: (call: ModelCall, request: unknown) => StoredReply | Promise<StoredReply>) {
  const blobs = new MemoryBlobs();
  const log = new MemoryLog();
  const clock = new ManualClock();
  const asked: ModelCall[] = [];
  const waiting: (() => void)[] = [];
  const ports: PlanPorts = {
    branch: async (_branch, limits, work) => {
      if (limits.gate !== null) await limits.gate;
      return work({
        call: async (call): Promise<StepResult> => {
          asked.push(call);
          const reply = await answer(call, await blobs.get(call.request));
          return {
            step: call.step,
            turn: call.turn,
            reply: await blobs.put(reply),
            model: reply.model,
            stopReason: reply.stopReason,
            usage: reply.usage,
            toolCalls: reply.content.filter((block) => block.type === 'tool_use').length,
            costUsd: 0.4,
          };
        },
        advance: (input) => advance(input, { blobs, runs: log as never, clock }),
        agent: noAgentPorts,
      });
    },
    firstToken: () => new Promise((resolve) => waiting.push(resolve)),
    record: log.append,
    now: () => new Date(clock.now()).toISOString(),
    checkBaselines: () => Promise.resolve(),
  };
  const fork = (over: object, from = context()) =>
    planFork(
      summary(),
      from,
      forkRequestSchema.parse({ session: 's', at: { turn: 2 }, branches: [{ name: 'a' }], ...over }),
      {
        runId,
        createdAt: '2026-01-01T00:00:00.000Z',
        provider: 'demo',
        sha256,
        put: (value) => blobs.put(value),
      },
    );
  const run = async (plan: ForkPlan, over: Partial<Parameters<typeof runPlan>[1]> = {}) => {
    const state = await runPlan(
      plan,
      { branches: plan.branches.map((branch) => branch.branchId), prior: {}, attempt: 1, ...over },
      ports,
    ).ended;
    return { state, view: foldRun(plan, log.logged) };
  };
  const leaderSpeaks = () => {
    for (const resolve of waiting) resolve();
  };
  return { blobs, log, asked, ports, fork, run, leaderSpeaks };
}

const reading = (result: string | null) =>
  step({
    content: [{ type: 'tool_use', id: 't1', name: 'Read', input: { file_path: 'a' } }],
    text: '',
    stopReason: 'tool_use',
    toolCalls: [
      {
        id: 't1',
        name: 'Read',
        input: { file_path: 'a' },
        uuid: 'x',
        result: result === null ? null : { uuid: 'y', content: result, isError: false },
      },
    ],
  });

describe('runPlan', () => {
  it('goes on where the baselines can’t be checked, also before the first branch ends', async () => {
    const { log, ports, blobs } = world(() => says(''));
    const check = { name: 'tests', run: 'npm test', timeoutSeconds: 10 };
    const plan = await agentPlan(blobs, { branches: [{ name: 'a' }], agent: { checks: [check] } });
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    const branch: PlanPorts['branch'] = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new BranchStopped('cancelled');
    };
    const input = { branches: plan.branches.map(({ branchId }) => branchId), prior: {}, attempt: 1 };
    const checkBaselines = () => Promise.reject(new Error('The disk is full.'));
    await expect(runPlan(plan, input, { ...ports, branch, checkBaselines }).ended).resolves.toBe('cancelled');
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
    expect(log.logged.at(-1)).toMatchObject({ type: 'run-ended', state: 'cancelled' });
  });

  it('rejects with a log that can’t be written, and leaves no rejection that nobody handles', async () => {
    const { ports, blobs } = world(() => says(''));
    const plan = await agentPlan(blobs, { branches: [{ name: 'a' }, { name: 'b' }] });
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    const record: PlanPorts['record'] = async ({ type }) => {
      if (type === 'branch-ended') throw new Error('The disk is full.');
    };
    const input = { branches: plan.branches.map(({ branchId }) => branchId), prior: {}, attempt: 1 };
    await expect(runPlan(plan, input, { ...ports, record }).ended).rejects.toThrow('The disk is full.');
    await new Promise((resolve) => setTimeout(resolve, 10));
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });

  it('completes every branch and settles all', async () => {
    const { fork, run } = world((call) => says(call.branchId));
    const { state, view } = await run(await fork({ branches: [{ name: 'a' }, { name: 'b', prompt: 'B' }] }));
    expect(state).toBe('completed');
    expect(view.branches.map((branch) => [branch.state, branch.stopReason])).toEqual([
      ['completed', 'end_turn'],
      ['completed', 'end_turn'],
    ]);
  });

  it('keeps the others going when one throws', async () => {
    const { fork, run } = world((call) => {
      if (call.branchId === 'b1') throw new Error('boom');
      return says('fine');
    });
    const { state, view } = await run(await fork({ branches: [{ name: 'a' }, { name: 'b', model: 'other' }] }));
    expect(state).toBe('failed');
    expect(view.branches.map((branch) => branch.state)).toEqual(['failed', 'completed']);
    expect(view.branches[0]?.error?.message).toBe('boom');
  });

  it('says that billing is unknown exactly where a request may have been billed', async () => {
    const failing = (mayBeBilled: boolean) =>
      world(() => {
        throw new ModelCallError('stream_cut', 'cut', 'retry', {
          status: null,
          retryAfterMs: null,
          mayBeBilled,
          partialText: '',
          requestId: null,
        });
      });
    for (const mayBeBilled of [true, false]) {
      const { fork, run } = failing(mayBeBilled);
      const { view } = await run(await fork({}));
      expect(view.branches[0]?.billing).toBe(mayBeBilled ? 'unknown' : 'known');
    }
  });

  it('answers a recorded call with its recorded result', async () => {
    const replies = [callsTool(['Read', { file_path: 'a' }]), says('It says A.')];
    const { fork, run, asked, blobs } = world(() => replies.shift()!);
    const plan = await fork({}, context({ following: [turn({ steps: [reading('A'), step()] })] }));
    const { view } = await run(plan);
    expect(view.branches[0]?.stopReason).toBe('end_turn');
    expect(view.branches[0]?.toolCalls).toEqual([
      { id: 'c0', name: 'Read', input: { file_path: 'a' }, answer: 'recorded' },
    ]);
    const second = (await blobs.get(asked[1]!.request)) as { request: { messages: unknown[] } };
    expect(second.request.messages.slice(-2)).toEqual([
      { role: 'assistant', content: [{ type: 'tool_use', id: 'c0', name: 'Read', input: { file_path: 'a' } }] },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 'c0', content: 'A', cache_control: { type: 'ephemeral' } }],
      },
    ]);
  });

  it.each([
    ['another input', callsTool(['Read', { file_path: 'b' }])],
    ['another tool', callsTool(['Bash', { file_path: 'a' }])],
    ['one of two unknown', callsTool(['Read', { file_path: 'a' }], ['Bash', {}])],
  ])('ends with tool_not_recorded on %s, showing the call', async (_what, reply) => {
    const { fork, run, asked } = world(() => reply);
    const { view } = await run(await fork({}, context({ following: [turn({ steps: [reading('A')] })] })));
    expect(view.branches[0]).toMatchObject({ state: 'completed', stopReason: 'tool_not_recorded' });
    expect(view.branches[0]?.toolCalls.every((call) => call.answer === 'none')).toBe(true);
    expect(asked).toHaveLength(1);
  });

  it('ends at the first call under the policy stop', async () => {
    const { fork, run } = world(() => callsTool(['Read', { file_path: 'a' }]));
    const { view } = await run(
      await fork({ tools: 'stop' }, context({ following: [turn({ steps: [reading('A')] })] })),
    );
    expect(view.branches[0]?.stopReason).toBe('tool_stop');
  });

  it('gives the same call its recorded results in order, then the last one again', async () => {
    const call = callsTool(['Read', { file_path: 'a' }]);
    const replies = [call, call, call, says('ok')];
    const { fork, run, asked, blobs } = world(() => replies.shift()!);
    await run(await fork({}, context({ following: [turn({ steps: [reading('first'), reading('second')] })] })));
    const last = (await blobs.get(asked[3]!.request)) as {
      request: { messages: { content: { content?: string }[] }[] };
    };
    const results = last.request.messages
      .flatMap((message) => message.content.map((block) => block.content))
      .filter(Boolean);
    expect(results).toEqual(['first', 'second', 'second']);
  });

  it('stops after maxSteps replies', async () => {
    const { fork, run, asked } = world(() => callsTool(['Read', { file_path: 'a' }]));
    const { view } = await run(await fork({ maxSteps: 3 }, context({ following: [turn({ steps: [reading('A')] })] })));
    expect(view.branches[0]?.stopReason).toBe('max_steps');
    expect(asked).toHaveLength(3);
  });

  it('dispatches nothing more once the budget is reached', async () => {
    const { fork, run, asked } = world(() => callsTool(['Read', { file_path: 'a' }]));
    const { view, state } = await run(
      await fork({ budgetUsd: 1 }, context({ following: [turn({ steps: [reading('A')] })] })),
    );
    expect(asked).toHaveLength(3); // 0.4 + 0.4 is below 1, the third call passes it
    expect(view.branches[0]).toMatchObject({ state: 'cancelled', stopReason: 'budget' });
    expect(state).toBe('cancelled');
  });

  it('lets followers go at the first token of their leader', async () => {
    let finishLeader = (_reply: StoredReply) => {};
    const leaderReply = new Promise<StoredReply>((resolve) => {
      finishLeader = resolve;
    });
    const w = world((call) => (call.branchId === 'b1-1' ? leaderReply : says('follower')));
    const settled = () => new Promise((resolve) => setImmediate(resolve));
    const running = w.run(await w.fork({ branches: [{ name: 'x', repeats: 3 }] }));
    await settled();
    expect(w.asked.map((call) => call.branchId)).toEqual(['b1-1']);
    w.leaderSpeaks();
    await settled();
    expect(w.asked.map((call) => call.branchId)).toEqual(['b1-1', 'b1-2', 'b1-3']);
    finishLeader(says('leader'));
    const { view } = await running;
    expect(view.branches.every((branch) => branch.state === 'completed')).toBe(true);
  });

  it('does not hold followers back when their leader fails', async () => {
    const w = world((call) => {
      if (call.branchId === 'b1-1') throw new Error('no');
      return says('ok');
    });
    const { view } = await w.run(await w.fork({ branches: [{ name: 'x', repeats: 2 }] }));
    expect(view.branches.map((branch) => branch.state)).toEqual(['failed', 'completed']);
  });

  it.each([
    ['cancelled', 'cancelled', null],
    ['timeout', 'failed', 'timeout'],
  ] as const)('turns a branch that was stopped (%s) into data', async (reason, state, stopReason) => {
    const w = world(() => {
      throw new BranchStopped(reason);
    });
    const { view } = await w.run(await w.fork({}));
    expect(view.branches[0]).toMatchObject({ state, stopReason, billing: 'unknown' });
  });

  it('goes on where an earlier attempt stopped, asking nothing twice', async () => {
    const replies: (StoredReply | Error)[] = [
      callsTool(['Read', { file_path: 'a' }]),
      new Error('lost'),
      says('again'),
    ];
    const w = world(() => {
      const next = replies.shift()!;
      if (next instanceof Error) throw next;
      return next;
    });
    const plan = await w.fork({}, context({ following: [turn({ steps: [reading('A')] })] }));
    // The log's step events are the model call's; this world writes them for it.
    const logged = async (result: StepResult) =>
      w.log.append({ type: 'step-completed', runId, branchId: plan.branches[0]!.branchId, at: w.ports.now(), result });
    const recording: PlanPorts = {
      ...w.ports,
      branch: (branch, limits, work) =>
        w.ports.branch(branch, limits, (ports) =>
          work({
            ...ports,
            call: async (call) => {
              const result = await ports.call(call);
              await logged(result);
              return result;
            },
          }),
        ),
    };
    await runPlan(plan, { branches: [plan.branches[0]!.branchId], prior: {}, attempt: 1 }, recording).ended;
    const first = foldRun(plan, w.log.logged);
    expect(first.branches[0]).toMatchObject({ state: 'failed', steps: 1 });
    expect(branchesToRun(first, 'retry')).toEqual(['b1']);
    await runPlan(
      plan,
      { branches: branchesToRun(first, 'retry'), prior: completedSteps(first), attempt: 2 },
      recording,
    ).ended;
    const second = foldRun(plan, w.log.logged);
    expect(second.branches[0]).toMatchObject({ state: 'completed', steps: 2, stopReason: 'end_turn' });
    expect(w.asked.map((call) => call.step)).toEqual([1, 2, 2]);
  });
});

describe('a replay', () => {
  const turns = [
    turn({ steps: [reading('A'), step()] }),
    turn({ index: 3, promptContent: [{ type: 'text', text: 'Third' }], steps: [step()] }),
  ];
  const replayOf = (w: ReturnType<typeof world>) =>
    planReplay(summary(), context({ following: turns }), replayRequestSchema.parse({ session: 's', from: 2 }), {
      runId,
      createdAt: '2026-01-01T00:00:00.000Z',
      provider: 'demo',
      sha256,
      put: (value) => w.blobs.put(value),
    });

  it('sends each following recorded prompt once the turn before it ended as recorded', async () => {
    const replies = [callsTool(['Read', { file_path: 'a' }]), says('Two.'), says('Three.')];
    const w = world(() => replies.shift()!);
    const { view } = await w.run(await replayOf(w));
    expect(view.branches[0]).toMatchObject({ state: 'completed', stopReason: 'end_turn', divergedAtTurn: null });
    expect(w.asked.map((call) => call.turn)).toEqual([2, 2, 3]);
    const last = (await w.blobs.get(w.asked[2]!.request)) as { request: { messages: { content: unknown }[] } };
    expect(last.request.messages.at(-1)?.content).toEqual([
      { type: 'text', text: 'Third', cache_control: { type: 'ephemeral' } },
    ]);
  });

  it.each([
    ['a call that was not the recorded one', [callsTool(['Read', { file_path: 'b' }])], 2],
    ['a turn that ends without the recorded calls', [says('I know already.')], 2],
    [
      'a call where none was recorded',
      [callsTool(['Read', { file_path: 'a' }]), says('Two.'), callsTool(['Bash', {}])],
      3,
    ],
  ] as const)('stops at %s and says at which turn', async (_what, replies, divergedAtTurn) => {
    const left = [...replies];
    const w = world(() => left.shift()!);
    const { view } = await w.run(await replayOf(w));
    expect(view.branches[0]).toMatchObject({ state: 'completed', stopReason: 'diverged', divergedAtTurn });
    expect(left).toEqual([]);
  });

  it('goes on where an earlier execution left it, and writes nothing again', async () => {
    const { blobs, fork, ports, log, asked, leaderSpeaks } = world((call) =>
      call.step < 3 ? callsTool(['Read', { file_path: 'a' }]) : says('Done.'),
    );
    const from = context({ following: [turn({ steps: [reading('A')] })] });
    const plan = await fork({ branches: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] }, from);
    const [a, b, c] = plan.branches;
    if (a === undefined || b === undefined || c === undefined) return expect.unreachable();
    const at: StepPosition[] = [];
    const noting: PlanPorts['branch'] = (branch, given, work) =>
      ports.branch(branch, given, (own) =>
        work({ ...own, at: async (position) => void (branch === a && at.push(position)) }),
      );
    await runPlan(
      { ...plan, branches: [a] },
      { branches: [a.branchId], prior: {}, attempt: 1 },
      { ...ports, branch: noting },
    ).ended;
    expect(at.map(({ step }) => step)).toEqual([1, 2, 3]);
    const before = { requests: asked.splice(0), events: log.logged.splice(0) };

    const third = at[2]!;
    const input = {
      branches: [a.branchId, b.branchId],
      prior: {},
      spentUsd: 1.2,
      attempt: 1,
      from: {
        begun: { [a.branchId]: third },
        ended: ['failed' as const],
        openGroups: [b.cacheGroup ?? 'g'],
        baselinesChecked: false,
      },
    };
    const run = runPlan({ ...plan, branches: [a, b] }, input, ports);
    leaderSpeaks();
    await expect(run.ended).resolves.toBe('failed');
    const ofA = asked.filter(({ branchId }) => branchId === a.branchId);
    expect(ofA).toEqual(before.requests.filter(({ step }) => step === 3));
    const types = log.logged.map((event) => ('branchId' in event ? `${event.branchId} ${event.type}` : event.type));
    expect(types).not.toContain('run-started');
    expect(types).not.toContain(`${a.branchId} branch-started`);
    expect(types).toContain(`${b.branchId} branch-started`);
    expect(run.spentUsd).toBeCloseTo(1.2 + 0.4 * asked.length);
    expect(await blobs.get(third.request)).toBeDefined();
  });
});
