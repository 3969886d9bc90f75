import { afterEach, describe, expect, it, vi } from 'vitest';
import type {
  AgentMessage,
  AgentTurnEnd,
  AgentTurnOrder,
  CheckRunner,
} from '../../../../../src/core/agent/agentPorts.ts';
import { describeTeardown } from '../../../../../src/core/agent/describeTeardown.ts';
import { StorageError } from '../../../../../src/core/errors.ts';
import type { ForkPlan } from '../../../../../src/core/fork/forkPlan.ts';
import { type BlobRef, type BranchId, branchIdSchema, type RunId } from '../../../../../src/core/ids.ts';
import { endAbandoned, interruption } from '../../../../../src/core/run/abandonedRun.ts';
import type { AgentWorkDeps } from '../../../../../src/core/run/agent/agentWork.ts';
import { createForkService, type ForkServiceDeps } from '../../../../../src/core/useCases/createForkService.ts';
import { AgentBench, type Turn } from '../../../../support/agentBench.ts';
import { FakeClock } from '../../../../support/fakeClock.ts';

const b1 = branchIdSchema.parse('b1');
const b2 = branchIdSchema.parse('b2');
const usage = { inputTokens: 10, outputTokens: 5, cacheReadTokens: 0, cacheWriteTokens: 0 };
const end = (over: Partial<AgentTurnEnd> = {}): AgentTurnEnd => ({
  kind: 'completed',
  stopReason: 'end_turn',
  error: null,
  costUsd: 0.02,
  resetsAt: null,
  ...over,
});
const reply = (text: string, parent: string | null = null): AgentMessage => ({
  type: 'reply',
  messageId: `msg-${text}`,
  parent,
  reply: { content: [{ type: 'text', text }], model: 'm', stopReason: 'end_turn', usage, requestId: null },
});
const npmInstall = { tool: 'Bash', input: { command: 'npm install left-pad' }, reason: null };
const asked = (callId: string) => ({ callId, askedAt: '2026-11-20T10:00:00.000Z', ...npmInstall });

let bench: AgentBench | null = null;
const clock = new FakeClock();
afterEach(() => bench?.close());

async function start(turn: Turn, options: Parameters<AgentBench['plan']>[0] = {}): Promise<[AgentBench, ForkPlan]> {
  bench = await AgentBench.open(clock, turn);
  const plan = await bench.plan(options);
  await bench.work.prepare({ runId: plan.runId, branchId: b1 }, new AbortController().signal);
  return [bench, plan];
}

const signal = () => new AbortController().signal;
const now = () => new Date(clock.now()).toISOString();
const turnOf = ({ runId }: ForkPlan, turn = 0) => ({ runId, branchId: b1, turn });

/** Waits until the run's state fits. */
async function until(on: AgentBench, plan: ForkPlan, fits: (view: Awaited<ReturnType<AgentBench['view']>>) => boolean) {
  for (let tries = 0; tries < 400; tries += 1) {
    const view = await on.view(plan);
    if (fits(view)) return view;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('The run never came to that state.');
}

describe('a prompt of an agent', () => {
  it('is sent once, and what comes is in the log in order', async () => {
    const orders: unknown[] = [];
    const [on, plan] = await start(async (order, { onMessage }) => {
      orders.push(order.prompt);
      onMessage({ type: 'started', model: 'm', tools: ['Bash'], version: '2.1.329', permissionMode: 'default' });
      onMessage({ type: 'first-token' });
      onMessage({ type: 'text', text: 'I look', outputTokens: 2 });
      onMessage(reply('I look'));
      onMessage({ type: 'tool-result', callId: 'c1', content: 'ok', isError: false, parent: null });
      onMessage(reply('from below', 'c1'));
      onMessage(reply('Done.'));
      return end();
    });
    await expect(on.work.turn(turnOf(plan), { signal: signal() })).resolves.toMatchObject({ kind: 'completed' });
    expect(orders).toEqual([[{ type: 'text', text: 'Do it.' }]]);
    const types = (await on.runs.events(plan.runId)).map(({ type }) => type);
    expect(types).toEqual([
      'place-ready',
      'prompt-sent',
      'agent-started',
      'first-token',
      'text-delta',
      'step-completed',
      'tool-result',
      'subagent-step',
      'step-completed',
      'agent-turn-ended',
    ]);
    const [branch] = (await on.view(plan)).branches;
    expect(branch).toMatchObject({ steps: 2, costUsd: 0.02, subagentSteps: 1, place: { kind: 'overlay' } });
  });

  it('says of no call that it was executed before its result has come', async () => {
    const call = { type: 'tool_use', id: 'c1', name: 'Bash', input: { command: 'ls' } };
    const [on, plan] = await start(async (_order, { onMessage }) => {
      onMessage({
        type: 'reply',
        messageId: 'm1',
        parent: null,
        reply: { content: [call], model: 'm', stopReason: 'tool_use', usage, requestId: null },
      });
      return end();
    });
    await on.work.turn(turnOf(plan), { signal: signal() });
    const made = (await on.runs.events(plan.runId)).find((event) => event.type === 'tools-answered');
    expect(made).toMatchObject({ calls: [{ id: 'c1', answer: 'open' }] });
  });

  it('waits for a person without using up its time, and is answered once', async () => {
    const answers: unknown[] = [];
    const [on, plan] = await start(
      async (_order, { onQuestion }) => {
        answers.push(await onQuestion(asked('c1'), signal()));
        return end();
      },
      { timeoutSeconds: 60 },
    );
    await on.runs.append({ type: 'branch-started', runId: plan.runId, branchId: b1, at: new Date().toISOString() });
    const turn = on.work.turn(turnOf(plan), { signal: signal() });
    const view = await until(on, plan, ({ branches }) => branches[0]?.questions.length === 1);
    expect(view.branches[0]).toMatchObject({ state: 'waiting', waitingFor: 'answer' });
    clock.advance(3_600_000);
    await on.runs.answer(plan.runId, b1, 'c1', { behavior: 'deny', scope: 'call', message: 'Not that one.' });
    await expect(turn).resolves.toMatchObject({ kind: 'completed' });
    expect(answers).toEqual([{ behavior: 'deny', scope: 'call', message: 'Not that one.' }]);
    await expect(on.runs.answer(plan.runId, b1, 'c1', { behavior: 'allow', scope: 'call' })).rejects.toThrow(
      'answered already',
    );
    expect((await on.view(plan)).branches[0]?.questions).toEqual([]);
  });

  it('closes a question that the agent withdraws, and its time goes on', async () => {
    const told: string[] = [];
    const withdrawn = new AbortController();
    const [on, plan] = await start(
      async (_order, options) => {
        await options.onQuestion(asked('c1'), withdrawn.signal).catch(() => {});
        return new Promise((_resolve, reject) =>
          options.signal.addEventListener('abort', () => reject(options.signal.reason)),
        );
      },
      { timeoutSeconds: 60 },
    );
    await on.runs.append({ type: 'branch-started', runId: plan.runId, branchId: b1, at: new Date().toISOString() });
    const onQuestion = (callId: string, state: string): void => void told.push(`${callId} ${state}`);
    const turn = on.work.turn(turnOf(plan), { signal: signal(), onQuestion });
    await until(on, plan, ({ branches }) => branches[0]?.questions.length === 1);
    clock.advance(3_600_000);
    withdrawn.abort(new Error('withdrawn'));
    const view = await until(on, plan, ({ branches }) => branches[0]?.questions.length === 0);
    expect(view.branches[0]).toMatchObject({ state: 'running', waitingFor: null });
    expect((await on.runs.events(plan.runId)).at(-1)).toMatchObject({ type: 'question-withdrawn', callId: 'c1' });
    await expect.poll(() => told).toEqual(['c1 open', 'c1 closed']);
    await new Promise((resolve) => setTimeout(resolve, 20));
    clock.advance(61_000);
    await expect(turn).resolves.toMatchObject({ kind: 'timeout' });
  });

  it('keeps to a time limit that is changed while it works', async () => {
    const [on, plan] = await start(
      (_order, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      { timeoutSeconds: 60 },
    );
    const { runId } = plan;
    await on.runs.append({ type: 'limits-changed', runId, at: now(), change: { timeoutSeconds: 1 } });
    const turn = on.work.turn(turnOf(plan), { signal: signal() });
    await expect.poll(() => clock.waits).toEqual([60_000]);
    await on.runs.append({ type: 'limits-changed', runId, at: now(), change: { timeoutSeconds: 600 } });
    await expect.poll(() => clock.waits).toEqual([600_000]);
    clock.advance(61_000);
    await on.runs.append({ type: 'limits-changed', runId, at: now(), change: { timeoutSeconds: 62 } });
    await expect.poll(() => clock.waits).toEqual([1_000]);
    clock.advance(1_000);
    await expect(turn).resolves.toMatchObject({ kind: 'timeout', error: { message: expect.stringContaining('62') } });
  });

  it('shows no question before it was announced, and its time stands still meanwhile', async () => {
    let announced = (): void => {};
    const [on, plan] = await start(
      async (_order, { onQuestion }) => {
        await onQuestion(asked('c1'), signal());
        return end();
      },
      { timeoutSeconds: 60 },
    );
    const onQuestion = (_callId: string, state: string): Promise<void> | void => {
      if (state === 'open') return new Promise((resolve) => (announced = resolve));
    };
    const turn = on.work.turn(turnOf(plan), { signal: signal(), onQuestion });
    await until(on, plan, ({ branches }) => branches[0]?.attempts === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    clock.advance(3_600_000);
    expect((await on.view(plan)).branches[0]?.questions).toEqual([]);
    announced();
    await until(on, plan, ({ branches }) => branches[0]?.questions.length === 1);
    await on.runs.answer(plan.runId, b1, 'c1', { behavior: 'allow', scope: 'call' });
    await expect(turn).resolves.toMatchObject({ kind: 'completed' });
  });

  it('asks no second time for what was allowed for the run, in another branch either', async () => {
    const answers: unknown[] = [];
    const [on, plan] = await start(
      async (_order, { onQuestion }) => {
        answers.push(await onQuestion(asked('c2'), signal()));
        answers.push(await onQuestion(asked('c3'), signal()));
        return end();
      },
      { branches: [{ name: 'one' }, { name: 'two' }] },
    );
    const { runId } = plan;
    const question = asked('c1');
    await on.runs.append({ type: 'question-asked', runId, branchId: b2, at: question.askedAt, question });
    await on.runs.answer(runId, b2, 'c1', { behavior: 'allow', scope: 'run' });
    await on.work.turn(turnOf(plan), { signal: signal() });
    expect(answers).toEqual([
      { behavior: 'allow', scope: 'call' },
      { behavior: 'allow', scope: 'call' },
    ]);
  });

  it('asks again what only a person can answer, whatever was allowed for the run', async () => {
    const choice = { tool: 'AskUserQuestion', input: { questions: [{ question: 'Which?' }] }, reason: null };
    const plan = { tool: 'ExitPlanMode', input: { plan: 'First this.' }, reason: null };
    const told: unknown[] = [];
    const [on, run] = await start(
      async (_order, { onQuestion }) => {
        told.push(await onQuestion({ ...asked('c3'), ...choice }, signal()));
        told.push(await onQuestion({ ...asked('c4'), ...plan }, signal()));
        return end();
      },
      { branches: [{ name: 'one' }, { name: 'two' }] },
    );
    const { runId } = run;
    for (const question of [
      { ...asked('c1'), ...choice },
      { ...asked('c2'), ...plan },
    ]) {
      await on.runs.append({ type: 'question-asked', runId, branchId: b2, at: question.askedAt, question });
      await on.runs.answer(runId, b2, question.callId, { behavior: 'allow', scope: 'run', answers: { 'Which?': 'a' } });
    }
    const turn = on.work.turn(turnOf(run), { signal: signal() });
    await until(on, run, ({ branches }) => branches[0]?.questions[0]?.callId === 'c3');
    await on.runs.answer(runId, b1, 'c3', { behavior: 'allow', scope: 'call', answers: { 'Which?': 'b' } });
    await until(on, run, ({ branches }) => branches[0]?.questions[0]?.callId === 'c4');
    await on.runs.answer(runId, b1, 'c4', { behavior: 'deny', scope: 'call' });
    await turn;
    expect(told).toEqual([
      { behavior: 'allow', scope: 'call', answers: { 'Which?': 'b' } },
      { behavior: 'deny', scope: 'call' },
    ]);
  });

  it('is not let answer for others what only a person can', async () => {
    const [on, plan] = await start(async () => end(), { branches: [{ name: 'one' }] });
    const { runId } = plan;
    const given: unknown[] = [];
    const engine = { reconcile: async () => {}, answer: async (...answer: unknown[]) => void given.push(answer) };
    const forks = createForkService({ runs: on.runs, engine: async () => engine } as unknown as ForkServiceDeps);
    await on.runs.append({ type: 'branch-started', runId, branchId: b1, at: new Date().toISOString() });
    for (const [callId, tool] of [
      ['c1', 'ExitPlanMode'],
      ['c2', 'WebSearch'],
    ] as const) {
      const question = { callId, tool, input: {}, reason: null, askedAt: new Date().toISOString() };
      await on.runs.append({ type: 'question-asked', runId, branchId: b1, at: question.askedAt, question });
    }
    const forRun = { behavior: 'allow', scope: 'run' } as const;
    await expect(forks.answer(runId, b1, 'c1', forRun)).rejects.toThrow('asked once in each branch');
    expect(given).toEqual([]);
    await forks.answer(runId, b1, 'c2', forRun);
    await forks.answer(runId, b1, 'c1', { ...forRun, scope: 'call' });
    expect(given).toHaveLength(2);
  });

  it('is not let through without the answer that an agent asks for', async () => {
    const [on, plan] = await start(async () => end(), { branches: [{ name: 'one' }] });
    const { runId } = plan;
    const given: unknown[] = [];
    const engine = { reconcile: async () => {}, answer: async (...answer: unknown[]) => void given.push(answer) };
    const forks = createForkService({ runs: on.runs, engine: async () => engine } as unknown as ForkServiceDeps);
    await on.runs.append({ type: 'branch-started', runId, branchId: b1, at: new Date().toISOString() });
    const input = { questions: [{ question: 'Which?', options: [{ label: 'Red' }] }] };
    const question = { ...asked('c1'), tool: 'AskUserQuestion', input };
    await on.runs.append({ type: 'question-asked', runId, branchId: b1, at: question.askedAt, question });
    const yes = { behavior: 'allow', scope: 'call' } as const;
    await expect(forks.answer(runId, b1, 'c1', yes)).rejects.toThrow('waits for an answer to “Which?”');
    await expect(forks.answer(runId, b1, 'c1', { ...yes, answers: { What: 'Red' } })).rejects.toThrow('did not ask');
    expect(given).toEqual([]);
    await forks.answer(runId, b1, 'c1', { ...yes, answers: { 'Which?': 'Red' } });
    expect(given).toHaveLength(1);
  });

  it('ends when its time is up', async () => {
    const begun = Promise.withResolvers<void>();
    const [on, plan] = await start(
      (_order, options) =>
        new Promise((_resolve, reject) => {
          options.signal.addEventListener('abort', () => reject(options.signal.reason));
          begun.resolve();
        }),
      { timeoutSeconds: 60 },
    );
    const turn = on.work.turn(turnOf(plan), { signal: signal() });
    await begun.promise;
    clock.advance(61_000);
    await expect(turn).resolves.toMatchObject({ kind: 'timeout', error: { code: 'timeout' } });
  });

  it('has its time anew when the branch is run again', async () => {
    const [on, plan] = await start(
      (_order, options) =>
        new Promise((resolve, reject) => {
          options.signal.addEventListener('abort', () => reject(options.signal.reason));
          finish = () => resolve(end());
        }),
      { timeoutSeconds: 60 },
    );
    let finish = (): void => {};
    const startTurn = async (attempts: number) => {
      const turn = on.work.turn(turnOf(plan), { signal: signal() });
      await until(on, plan, ({ branches }) => branches[0]?.attempts === attempts);
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { turn };
    };
    const first = await startTurn(1);
    clock.advance(61_000);
    await expect(first.turn).resolves.toMatchObject({ kind: 'timeout' });
    const { runId } = plan;
    await on.runs.append({ type: 'branch-reset', runId, branchId: b1, at: new Date().toISOString(), reason: 'retry' });
    const second = await startTurn(2);
    clock.advance(30_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    finish();
    await expect(second.turn).resolves.toMatchObject({ kind: 'completed' });
  });

  it('closes its questions when its process is lost', async () => {
    const told: string[] = [];
    const [on, plan] = await start(async (_order, { onQuestion }) => {
      onQuestion(asked('c1'), signal()).catch(() => {});
      await until(on, plan, ({ branches }) => branches[0]?.questions.length === 1);
      throw new Error('killed');
    });
    const onQuestion = (callId: string, state: string): void => void told.push(`${callId} ${state}`);
    await expect(on.work.turn(turnOf(plan), { signal: signal(), onQuestion })).rejects.toThrow('killed');
    expect(told).toEqual(['c1 open', 'c1 closed']);
  });

  it.each([
    { behavior: 'allow', scope: 'call' },
    { behavior: 'deny', scope: 'call', message: 'Not that one.' },
  ] as const)(
    'passes an answer that came when its process was lost on to the same call, once: $behavior',
    async (given) => {
      const answers: unknown[] = [];
      const prompts: string[] = [];
      const [on, plan] = await start(async (order, { onQuestion }) => {
        prompts.push(String(order.prompt[0]?.['text']));
        answers.push(
          await onQuestion({ ...asked('c2'), input: { command: 'npm ci' } }, AbortSignal.abort()).catch(() => 0),
        );
        answers.push(await onQuestion(asked('c3'), signal()));
        answers.push(await onQuestion(asked('c4'), signal()));
        return end();
      });
      const { runId } = plan;
      const of = { runId, branchId: b1, at: asked('c1').askedAt };
      // As `kill -9` leaves it.
      const sent = { promptsBefore: 0, resumed: false, inDoubt: [] };
      await on.runs.append({ type: 'branch-started', ...of });
      await on.runs.append({ type: 'prompt-sent', ...of, turn: 1, ...sent });
      await on.runs.append({ type: 'question-asked', ...of, question: asked('c1') });
      on.machine.session.prompts = 1;
      on.machine.session.open = [{ tool: 'Bash', input: npmInstall.input }];
      await on.runs.answer(runId, b1, 'c1', given);
      const turn = on.work.turn(turnOf(plan), { signal: signal() });
      await until(on, plan, ({ branches }) => branches[0]?.questions[0]?.callId === 'c4');
      await on.runs.answer(runId, b1, 'c4', { behavior: 'deny', scope: 'call', message: 'Enough.' });
      await turn;
      expect(answers).toEqual([0, given, { behavior: 'deny', scope: 'call', message: 'Enough.' }]);
      expect(prompts[0]).toContain('NOT carried out');
      expect((await on.view(plan)).branches[0]?.inDoubt).toEqual([]);
      const passed = (await on.runs.events(runId)).filter((event) => event.type === 'question-answered');
      expect(passed.map(({ callId, givenTo }) => [callId, givenTo])).toEqual([
        ['c3', 'c1'],
        ['c4', undefined],
      ]);
    },
  );

  it('passes an answer to a lost process on to the same call that waits already', async () => {
    const answers: unknown[] = [];
    const [on, plan] = await start(async (_order, { onQuestion }) => {
      answers.push(await onQuestion(asked('c2'), signal()));
      return end();
    });
    const of = { runId: plan.runId, branchId: b1, at: asked('c1').askedAt };
    await on.runs.append({ type: 'question-asked', ...of, question: asked('c1') });
    const turn = on.work.turn(turnOf(plan), { signal: signal() });
    await until(on, plan, ({ branches }) => branches[0]?.questions[0]?.callId === 'c2');
    await on.runs.answer(plan.runId, b1, 'c1', { behavior: 'allow', scope: 'call' });
    await turn;
    expect(answers).toEqual([{ behavior: 'allow', scope: 'call' }]);
  });

  it('says to whom answers it when its host has ended that a resume asks again', async () => {
    const [on, plan] = await start(async () => end());
    const { runId } = plan;
    const engine = { reconcile: async () => {} };
    const forks = createForkService({ runs: on.runs, engine: async () => engine } as unknown as ForkServiceDeps);
    const of = { runId, branchId: b1, at: asked('c1').askedAt };
    await on.runs.append({ type: 'branch-started', ...of });
    await on.runs.append({ type: 'question-asked', ...of, question: asked('c1') });
    await endAbandoned(plan, { runs: on.runs, clock }, interruption());
    const yes = { behavior: 'allow', scope: 'call' } as const;
    const refused = forks.answer(runId, b1, 'c1', yes);
    await expect(refused).rejects.toThrow('the process that drove branch "one" has ended');
    await expect(refused).rejects.toMatchObject({ hint: expect.stringContaining('Resume') });
    await expect(forks.answer(runId, b1, 'c9', yes)).rejects.toThrow('No question c9 waits');
  });

  it('ends no process with a log that can’t be written', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    const request = { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'x' }] };
    let runId: RunId | null = null;
    const requests = async function* () {
      if (runId !== null) await bench?.runs.delete(runId);
      yield { request, file: [...(bench?.machine.sessions ?? [])].map((id) => `/sessions/${id}.jsonl`)[0] };
    };
    const recordings = { open: async () => ({ requests }) } as unknown as AgentWorkDeps['recordings'];
    const turn: Turn = async (_order, { onMessage, signal: stopped }) => {
      onMessage(reply('First.'));
      await new Promise((resolve) => setTimeout(resolve, 100));
      onMessage(reply('Second.'));
      await new Promise((resolve) => setTimeout(resolve, 50));
      stopped.throwIfAborted();
      return end();
    };
    bench = await AgentBench.open(clock, turn, { recordings });
    const recordedRequest = await bench.blobs.put(request);
    const plan = await bench.plan({ agent: { recordedRequest } });
    runId = plan.runId;
    await bench.work.prepare({ runId: plan.runId, branchId: b1 }, signal());
    await expect(bench.work.turn(turnOf(plan), { signal: signal() })).rejects.toThrow('There is no run');
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });

  it('is not completed where a reply could not be stored, though the agent ended before that was known', async () => {
    const [on, plan] = await start(async (_order, { onMessage }) => {
      onMessage(reply('First.'));
      return end();
    });
    const put = vi.spyOn(on.blobs, 'put');
    put.mockRejectedValueOnce(new StorageError("Can't store a part of the run.", 'Check the disk.'));
    await expect(on.work.turn(turnOf(plan), { signal: signal() })).rejects.toThrow("Can't store a part of the run.");
    const types = (await on.runs.events(plan.runId)).map(({ type }) => type);
    expect(types).not.toContain('agent-turn-ended');
  });

  it('goes on in the same session after its process was lost, and says which call is in doubt', async () => {
    const prompts: string[] = [];
    let lost = true;
    const [on, plan] = await start(async (order) => {
      prompts.push(String(order.prompt[0]?.['text']));
      if (lost) throw new Error('killed');
      return end();
    });
    await expect(on.work.turn(turnOf(plan), { signal: signal() })).rejects.toThrow('killed');
    lost = false;
    on.machine.session.prompts = 1;
    on.machine.session.open = [{ tool: 'Bash', input: { command: 'npm publish' } }];
    await on.work.turn(turnOf(plan), { signal: signal() });
    expect(prompts[0]).toBe('Do it.');
    expect(prompts[1]).toContain('npm publish');
    expect(prompts[1]).not.toContain('Do it.');
    expect((await on.view(plan)).branches[0]?.inDoubt).toEqual([{ tool: 'Bash', input: { command: 'npm publish' } }]);
  });

  it('is sent as it was where the lost process had not recorded it', async () => {
    const prompts: string[] = [];
    const [on, plan] = await start(async (order) => {
      prompts.push(String(order.prompt[0]?.['text']));
      if (prompts.length === 1) throw new Error('killed');
      return end();
    });
    await expect(on.work.turn(turnOf(plan), { signal: signal() })).rejects.toThrow('killed');
    await on.work.turn(turnOf(plan), { signal: signal() });
    expect(prompts).toEqual(['Do it.', 'Do it.']);
  });

  it.each(['completed', 'max_turns', 'budget'] as const)(
    'is not sent again where only the engine was not told of its end: %s',
    async (kind) => {
      let prompts = 0;
      const [on, plan] = await start(async (_order, { onMessage }) => {
        prompts += 1;
        onMessage(reply('Done.'));
        return end({ kind, stopReason: kind === 'completed' ? 'end_turn' : kind });
      });
      const outcome = await on.work.turn(turnOf(plan), { signal: signal() });
      on.machine.session.prompts = 1;
      await expect(on.work.turn(turnOf(plan), { signal: signal() })).resolves.toEqual(outcome);
      expect(prompts).toBe(1);
      // Who runs the branch again wants it anew.
      const at = new Date().toISOString();
      await on.runs.append({ type: 'branch-reset', runId: plan.runId, branchId: b1, at, reason: 'retry' });
      await on.work.turn(turnOf(plan), { signal: signal() });
      expect(prompts).toBe(2);
    },
  );

  it('is given its system prompt and what goes through unasked by the place’s own paths', async () => {
    const orders: AgentTurnOrder[] = [];
    bench = await AgentBench.open(clock, async (order) => {
      orders.push(order);
      return end();
    });
    const allowedCommands = await bench.blobs.put(['cat /home/sam/app/a.txt', 'ls']);
    const plan = await bench.plan({
      agent: { place: 'worktree', allowedCommands, allowRules: ['Read(//home/sam/app/**)'] },
      branch: { system: { append: 'Work in /home/sam/app.' } },
    });
    await bench.work.prepare({ runId: plan.runId, branchId: b1 }, signal());
    await bench.work.turn(turnOf(plan), { signal: signal() });
    expect(orders).toMatchObject([
      {
        branch: { model: null, system: { append: 'Work in /places/b1/app.' } },
        allowedCommands: ['cat /places/b1/app/a.txt', 'ls'],
        allowRules: ['Read(//places/b1/app/**)'],
      },
    ]);
  });

  it('names files where they lie in the place, once', async () => {
    const told: unknown[] = [];
    let lost = true;
    const [on, plan] = await start(
      async (order) => {
        told.push(order.prompt[0]?.['text']);
        if (lost) throw new Error('killed');
        return end();
      },
      { prompts: ['See /home/sam/app/a.txt, not /home/sam/apples.'], agent: { place: 'worktree' } },
    );
    await expect(on.work.turn(turnOf(plan), { signal: signal() })).rejects.toThrow('killed');
    lost = false;
    on.machine.session.prompts = 1;
    on.machine.session.open = [{ tool: 'Read', input: { file_path: '/places/b1/app/a.txt' } }];
    await on.work.turn(turnOf(plan), { signal: signal() });
    expect(told[0]).toBe('See /places/b1/app/a.txt, not /home/sam/apples.');
    expect(told[1]).toContain('"/places/b1/app/a.txt"');
    expect((await on.view(plan)).branches[0]?.notes).toEqual([]);
  });

  it('is given up when it was lost three times, and names the calls that the last try left in doubt', async () => {
    const [on, plan] = await start(() => Promise.reject(new Error('killed')));
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(on.work.turn(turnOf(plan), { signal: signal() })).rejects.toThrow('killed');
    }
    on.machine.session.prompts = 1;
    on.machine.session.open = [{ tool: 'Bash', input: { command: 'npm publish' } }];
    for (let times = 0; times < 2; times += 1) {
      await expect(on.work.turn(turnOf(plan), { signal: signal() })).rejects.toThrow('lost 3 times');
    }
    expect((await on.view(plan)).branches[0]?.inDoubt).toEqual(on.machine.session.open);
  });

  it('is not sent when the run’s budget is used up, and gets what is left of it otherwise', async () => {
    const budgets: (number | null)[] = [];
    const [on, plan] = await start(
      async (order) => {
        budgets.push(order.budgetUsd);
        return end({ costUsd: 0.6 });
      },
      { budgetUsd: 1, prompts: ['one', 'two', 'three'] },
    );
    for (const turn of [0, 1]) await on.work.turn(turnOf(plan, turn), { signal: signal() });
    await expect(on.work.turn(turnOf(plan, 2), { signal: signal() })).resolves.toMatchObject({ kind: 'budget' });
    expect(budgets[0]).toBe(1);
    expect(budgets[1]).toBeCloseTo(0.4);
    expect(budgets).toHaveLength(2);
    // Nor is it run again in vain.
    const { runId } = plan;
    const outcome = { stopReason: 'budget', error: null, billing: 'known', divergedAtTurn: null } as const;
    await on.runs.append({ type: 'run-started', runId, at: now(), attempt: 1 });
    await on.runs.append({
      type: 'branch-ended',
      runId,
      branchId: b1,
      at: now(),
      outcome: { ...outcome, state: 'cancelled' },
    });
    await on.runs.append({ type: 'run-ended', runId, at: now(), state: 'failed' });
    const forks = createForkService({ runs: on.runs } as unknown as ForkServiceDeps);
    await expect(forks.previewAgain(runId, 'retry')).rejects.toThrow('The budget of this run, $1.00, is used up.');
    await expect(forks.resume(runId)).rejects.toThrow('is used up');
    await expect(forks.previewAdded(runId, [])).rejects.toThrow(`Run ${runId} has ended.`);
  });

  it('shares the budget with the branches that are still to come, and leaves them what it doesn’t need', async () => {
    const budgets: (number | null)[] = [];
    const started: (() => void)[] = [];
    const [on, plan] = await start(
      async ({ budgetUsd }) => {
        budgets.push(budgetUsd);
        await new Promise<void>((resolve) => started.push(resolve));
        return end({ costUsd: 0.1 });
      },
      { budgetUsd: 3, branches: [{ name: 'one' }, { name: 'two' }, { name: 'three' }] },
    );
    const b3 = branchIdSchema.parse('b3');
    const turn = async (branchId: BranchId) => {
      await on.work.prepare({ runId: plan.runId, branchId }, signal());
      const working = on.work.turn({ runId: plan.runId, branchId, turn: 0 }, { signal: signal() });
      const before = budgets.length;
      await until(on, plan, () => budgets.length > before);
      return { working };
    };
    const first = await turn(b1);
    const second = await turn(b2);
    started[0]?.();
    await first.working;
    const outcome = {
      state: 'completed',
      stopReason: null,
      error: null,
      billing: 'known',
      divergedAtTurn: null,
    } as const;
    const at = new Date().toISOString();
    await on.runs.append({ type: 'branch-ended', runId: plan.runId, branchId: b1, at, outcome });
    const third = await turn(b3);
    for (const go of started) go();
    await Promise.all([second.working, third.working]);
    // 1 of 3; 1 of the 2 that are left; 3 without the 0.10 of the first and what the second may spend.
    expect(budgets.map((budget) => Number(budget?.toFixed(2)))).toEqual([1, 1, 1.9]);
  });

  it('counts the replies of a turn that was broken off against the budget', async () => {
    const budgets: (number | null)[] = [];
    const [on, plan] = await start(
      async ({ budgetUsd }, { onMessage }) => {
        budgets.push(budgetUsd);
        onMessage(reply('So far.'));
        return end({ kind: 'failed', costUsd: null });
      },
      { budgetUsd: 1 },
    );
    for (let attempt = 0; attempt < 2; attempt += 1) await on.work.turn(turnOf(plan), { signal: signal() });
    expect(budgets).toEqual([1, 0.9]);
    expect((await on.view(plan)).costUsd).toBeCloseTo(0.2);
  });

  it('counts what a lost process spent against the budget, also when the next one has reported its own cost', async () => {
    const budgets: (number | null)[] = [];
    const [on, plan] = await start(
      async ({ budgetUsd }, { onMessage }) => {
        budgets.push(budgetUsd);
        onMessage(reply(`Reply ${budgets.length}.`));
        onMessage(reply(`Below ${budgets.length}.`, 'c1'));
        if (budgets.length === 1) throw new Error('killed');
        return end({ costUsd: 0.3 });
      },
      { budgetUsd: 1, prompts: ['one', 'two'] },
    );
    await expect(on.work.turn(turnOf(plan), { signal: signal() })).rejects.toThrow('killed');
    await on.work.turn(turnOf(plan), { signal: signal() });
    await on.work.turn(turnOf(plan, 1), { signal: signal() });
    expect(budgets).toEqual([1, 0.8, 0.5]);
    expect(await on.view(plan)).toMatchObject({ costUsd: 0.8, branches: [{ billing: 'unknown' }] });
  });

  it('counts what is known of a branch whose cost isn’t known in full', async () => {
    const budgets: (number | null)[] = [];
    const turn: Turn = async ({ budgetUsd }, { onMessage }) => {
      budgets.push(budgetUsd);
      onMessage(reply('Known.'));
      onMessage(reply('Below.', 'c1'));
      return end({ kind: 'failed', costUsd: null });
    };
    let asked = 0;
    bench = await AgentBench.open(clock, turn, { prices: { cost: () => (asked++ % 2 === 0 ? 0.3 : null) } });
    const plan = await bench.plan({ budgetUsd: 1 });
    await bench.work.prepare({ runId: plan.runId, branchId: b1 }, signal());
    for (let attempt = 0; attempt < 2; attempt += 1) await bench.work.turn(turnOf(plan), { signal: signal() });
    expect(budgets).toEqual([1, 0.7]);
    expect((await bench.view(plan)).costUsd).toBeNull();
  });

  it('names when a usage limit resets, also where Claude Code doesn’t', async () => {
    const [on, plan] = await start(async () => end({ kind: 'limit' }));
    const outcome = await on.work.turn(turnOf(plan), { signal: signal() });
    expect(outcome).toMatchObject({ kind: 'limit', resetsAt: new Date(clock.now() + 15 * 60_000).toISOString() });
  });
});

describe('preparing a branch', () => {
  it('is done once, however often it is asked for', async () => {
    const [on, plan] = await start(async () => end());
    await on.work.prepare({ runId: plan.runId, branchId: b1 }, signal());
    expect(on.machine.done.filter((what) => what === 'session written')).toHaveLength(1);
    expect((await on.runs.events(plan.runId)).filter(({ type }) => type === 'place-ready')).toHaveLength(1);
  });

  it('stops at a set-up that fails: no session is left, the place is kept to look into', async () => {
    bench = await AgentBench.open(clock, async () => end());
    const plan = await bench.plan({ agent: { setup: ['true', 'false'] } });
    const ref = { runId: plan.runId, branchId: b1 };
    await expect(bench.work.prepare(ref, signal())).rejects.toMatchObject({ code: 'setup_failed' });
    await bench.work.discard(ref);
    expect(bench.machine.done).toEqual(['place b1 made', 'session written', 'session discarded']);
    expect([...bench.machine.places]).toEqual(['b1']);
    expect((await bench.view(plan)).branches[0]?.setup.map(({ passed }) => passed)).toEqual([true, false]);
  });

  it('goes on in the place of a set-up that failed, with the session written anew', async () => {
    let works = false;
    const orders: boolean[] = [];
    const checks: CheckRunner = {
      run: async (_place, { name, run }) => {
        const passed = run !== 'later' || works;
        return { name, exitCode: passed ? 0 : 1, passed, ms: 1, output: null };
      },
    };
    const turn: Turn = async ({ resume }) => {
      orders.push(resume);
      return end();
    };
    bench = await AgentBench.open(clock, turn, { checks });
    const plan = await bench.plan({ agent: { setup: ['later'] } });
    const ref = { runId: plan.runId, branchId: b1 };
    await expect(bench.work.prepare(ref, signal())).rejects.toMatchObject({ code: 'setup_failed' });
    await bench.work.discard(ref);
    works = true;
    await bench.work.prepare(ref, signal());
    await bench.work.turn(turnOf(plan), { signal: signal() });
    expect(orders).toEqual([true]);
  });

  it('runs the set-up again in a place that is made anew', async () => {
    const ran: string[] = [];
    const checks: CheckRunner = {
      run: async (_place, { name, run }) => {
        ran.push(run);
        return { name, exitCode: 0, passed: true, ms: 1, output: null };
      },
    };
    bench = await AgentBench.open(clock, async () => end(), { checks });
    const plan = await bench.plan({ agent: { setup: ['npm ci'] } });
    const ref = { runId: plan.runId, branchId: b1 };
    await bench.work.prepare(ref, signal());
    await bench.work.discard(ref);
    await bench.work.prepare(ref, signal());
    await bench.work.prepare(ref, signal());
    expect(ran).toEqual(['npm ci', 'npm ci']);
  });

  it('makes a place once, and takes it as it is from then on', async () => {
    const [on, plan] = await start(async () => end());
    await on.work.prepare({ runId: plan.runId, branchId: b1 }, signal());
    expect(on.machine.done).toEqual(['place b1 made', 'session written']);
  });

  it('is torn down before its place is removed, with the environment that it was set up with', async () => {
    const ran: [string, string, unknown][] = [];
    const checks: CheckRunner = {
      run: async ({ id }, { name, run }, env) => {
        ran.push([id.name, run, env]);
        return { name, exitCode: 0, passed: true, ms: 1, output: null };
      },
    };
    bench = await AgentBench.open(clock, async () => end(), { checks });
    const plan = await bench.plan({
      agent: { setup: ['up'], teardown: ['down', 'rm db'], checks: [{ name: 'c', run: 'c', timeoutSeconds: 1 }] },
    });
    const ref = { runId: plan.runId, branchId: b1 };
    await bench.work.prepare(ref, signal());
    await bench.work.discard(ref);
    await bench.work.checkBaselines(plan.runId, signal());
    const env = {
      FORKPOINT_RUN: plan.runId,
      FORKPOINT_BRANCH: 'b1',
      FORKPOINT_BRANCH_NAME: 'one',
      FORKPOINT_BRANCH_INDEX: '0',
      FORKPOINT_PORT: '40001',
    };
    const ofBaseline = { FORKPOINT_RUN: plan.runId, FORKPOINT_BRANCH: 'fork-point' };
    expect(ran).toEqual([
      ['b1', 'up', env],
      ['b1', 'down', env],
      ['b1', 'rm db', env],
      ['fork-point', 'up', ofBaseline],
      ['fork-point', 'c', ofBaseline],
      ['fork-point', 'down', ofBaseline],
      ['fork-point', 'rm db', ofBaseline],
    ]);
  });

  it('says which teardown commands failed, keeps what they printed, and removes the place all the same', async () => {
    let printed: BlobRef | null = null;
    const checks: CheckRunner = {
      run: async ({ id }, { name, run }) => {
        if (run === 'lost') throw new Error('No space left on device.');
        const exitCode = run === 'slow' ? null : run === 'down' && id.name === 'b1' ? 3 : 0;
        return { name, exitCode, passed: exitCode === 0, ms: 1, output: printed };
      },
    };
    bench = await AgentBench.open(clock, async () => end(), { checks });
    printed = await bench.blobs.put({ text: 'The database is busy.' });
    const teardown = ['down', 'slow', 'lost'];
    const plan = await bench.plan({ agent: { teardown, checks: [{ name: 'c', run: 'c', timeoutSeconds: 1 }] } });
    const ref = { runId: plan.runId, branchId: b1 };
    await bench.work.prepare(ref, signal());
    await bench.work.discard(ref);
    await bench.work.checkBaselines(plan.runId, signal());
    expect(bench.machine.places).toEqual(new Set());
    const slow = { command: 'slow', exitCode: null };
    const lost = { command: 'lost', exitCode: null };
    const { failedTeardowns } = await bench.view(plan);
    expect(failedTeardowns).toEqual([
      { place: 'b1', command: 'down', exitCode: 3, output: '/removed/b1-1: The database is busy.' },
      { place: 'b1', ...slow, output: '/removed/b1-2: The database is busy.' },
      { place: 'b1', ...lost, output: '/removed/b1-3: No space left on device.' },
      { place: 'fork-point', ...slow, output: '/removed/fork-point-1: The database is busy.' },
      { place: 'fork-point', ...lost, output: '/removed/fork-point-2: No space left on device.' },
    ]);
    expect(failedTeardowns.slice(0, 2).map(describeTeardown)).toEqual([
      'The teardown command "down" of b1 failed with exit code 3; the place was removed all the same. What it printed: /removed/b1-1: The database is busy.',
      'The teardown command "slow" of b1 didn’t come to its end; the place was removed all the same. What it printed: /removed/b1-2: The database is busy.',
    ]);
  });

  it('is refused without questions outside of an overlay, but for a container', async () => {
    const agent = { permissions: 'bypass', place: 'worktree' } as const;
    bench = await AgentBench.open(clock, async () => end());
    const plan = await bench.plan({ agent });
    const ref = { runId: plan.runId, branchId: b1 };
    await expect(bench.work.prepare(ref, signal())).rejects.toMatchObject({ code: 'place' });
    await bench.work.discard(ref);
    expect(bench.machine.done).not.toContain('session written');
    expect([...bench.machine.places]).toEqual([]);
    await bench.close();
    bench = await AgentBench.open(clock, async () => end(), { inContainer: () => true });
    const inside = await bench.plan({ agent });
    await bench.work.prepare({ runId: inside.runId, branchId: b1 }, signal());
    expect(bench.machine.done).toContain('session written');
  });

  it('is undone in reverse order for a branch that never started', async () => {
    const [on, plan] = await start(async () => end());
    await on.work.discard({ runId: plan.runId, branchId: b1 });
    expect(on.machine.done).toEqual(['place b1 made', 'session written', 'session discarded', 'place b1 removed']);
  });
});

it('a prompt whose answer can’t be stored ends with the storage’s own error, which nobody tries again', async () => {
  const [on, plan] = await start((_order, { signal: stopped, onMessage }) => {
    onMessage(reply('Done.'));
    return new Promise((_resolve, reject) => {
      stopped.addEventListener('abort', () => reject(stopped.reason));
    });
  });
  on.blobs.put = () => Promise.reject(new StorageError('The disk is full.', 'Make room.'));
  await expect(on.work.turn(turnOf(plan), { signal: signal() })).rejects.toMatchObject({ code: 'storage' });
});

describe('checks on the baselines', () => {
  it('run on both states, in places that are removed again', async () => {
    bench = await AgentBench.open(clock, async () => end());
    const recordedEnd = await bench.blobs.put({ files: [], unknown: [], warnings: [] });
    const checks = [
      { name: 'tests', run: 'true', timeoutSeconds: 10 },
      { name: 'lint', run: 'false', timeoutSeconds: 10 },
    ];
    const plan = await bench.plan({ agent: { checks, recordedEnd } });
    await bench.work.checkBaselines(plan.runId, signal());
    await bench.work.checkBaselines(plan.runId, signal());
    const { checks: shown } = await bench.view(plan);
    const facts = (of: typeof shown.recorded) => of.map(({ name, passed }) => [name, passed]);
    expect(facts(shown.forkPoint)).toEqual([
      ['tests', true],
      ['lint', false],
    ]);
    expect(facts(shown.recorded)).toEqual(facts(shown.forkPoint));
    // Whatever a killed process left there is removed first.
    expect(bench.machine.done).toEqual([
      'place fork-point removed',
      'place fork-point made',
      'place fork-point removed',
      'place recorded removed',
      'place recorded made',
      'place recorded removed',
    ]);
  });

  it('say in the log why a state could not be checked, and go on with the other', async () => {
    bench = await AgentBench.open(clock, async () => end(), {
      checks: {
        run: async ({ id }, { name, run }) => {
          if (id.name === 'recorded' && name === 'tests') throw new StorageError('The disk is full.', 'Make room.');
          return { name, exitCode: run === 'false' ? 3 : 0, passed: run !== 'false', ms: 1, output: null };
        },
      },
    });
    const recordedEnd = await bench.blobs.put({ files: [], unknown: [], warnings: [] });
    const checks = [{ name: 'tests', run: 'true', timeoutSeconds: 10 }];
    const plan = await bench.plan({ agent: { checks, recordedEnd, setup: ['true'] } });
    await bench.work.checkBaselines(plan.runId, signal());
    expect((await bench.view(plan)).checks).toMatchObject({
      forkPoint: [{ name: 'tests', passed: true }],
      recorded: [],
      problems: [{ state: 'recorded', reason: 'The disk is full.' }],
    });
    expect(bench.machine.places).toEqual(new Set());
  });

  it('say so where their set-up fails, but not where they are broken off', async () => {
    bench = await AgentBench.open(clock, async () => end());
    const checks = [{ name: 'tests', run: 'true', timeoutSeconds: 10 }];
    const plan = await bench.plan({ agent: { checks, setup: ['false'] } });
    await expect(bench.work.checkBaselines(plan.runId, AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
    expect((await bench.view(plan)).checks.problems).toEqual([]);
    await bench.work.checkBaselines(plan.runId, signal());
    expect((await bench.view(plan)).checks.problems).toEqual([
      { state: 'fork-point', reason: 'The set-up command "false" failed with exit code 1.' },
    ]);
  });
});
