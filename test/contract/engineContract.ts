import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import type { BlobStore } from '../../src/core/blobStore.ts';
import type { ForkPlan } from '../../src/core/fork/forkPlan.ts';
import { type BranchId, branchIdSchema } from '../../src/core/ids.ts';
import type { BranchEvent } from '../../src/core/run/branchEvent.ts';
import { branchesToRun, foldRun } from '../../src/core/run/foldRun.ts';
import type { ForkEngine, RunStore } from '../../src/core/run/ports.ts';
import type { BranchView, RunView } from '../../src/core/run/runView.ts';
import { runFromStep } from '../../src/core/useCases/runFromStep.ts';
import {
  type MessagesApi,
  type ReceivedRequest,
  type Reply,
  type ReplyScript,
  startMessagesApi,
} from '../support/messagesApi.ts';
import { buildPlan, type PlanOptions, storePlan, testRunId } from '../support/storedPlan.ts';
import { refusingIllegal } from '../support/strictApi.ts';
import { windowGate } from '../support/windowGate.ts';

export interface EngineSetting {
  runs: RunStore;
  blobs: BlobStore;
  /** Base URL of the stand-in API. */
  baseUrl: string;
  /** Data folder (`FORKPOINT_HOME`): the stores lie in `runs` and `blobs` below it. */
  home: string;
  apiKey: string;
}

/** Makes the engine under test. What it returns is disposed after each test. */
export type MakeEngine = (setting: EngineSetting) => Promise<ForkEngine>;

const apiKey = 'sk-ant-test-contract';

/** Stores, engine and stand-in API. */
class Bench {
  #script = refusingIllegal([]);

  private constructor(
    readonly kind: ForkPlan['engine'],
    readonly home: string,
    readonly runs: RunStore,
    readonly blobs: BlobStore,
    readonly api: MessagesApi,
    readonly engine: ForkEngine,
  ) {}

  static async start(kind: ForkPlan['engine'], makeEngine: MakeEngine): Promise<Bench> {
    const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-contract-'));
    const runs = createRunStore(path.join(home, 'runs'));
    const blobs = createBlobStore(path.join(home, 'blobs'));
    const api = await startMessagesApi((request): Promise<Reply> => bench.#script(request));
    const engine = await makeEngine({ runs, blobs, home, baseUrl: api.baseUrl, apiKey });
    const bench = new Bench(kind, home, runs, blobs, api, engine);
    return bench;
  }

  /** What the API answers from now on; what it was asked before is forgotten. */
  answer(script: ReplyScript): void {
    this.#script = refusingIllegal(script);
    this.api.requests.splice(0);
  }

  async close(): Promise<void> {
    await this.engine.dispose();
    await this.api.close();
    await rm(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  plan(options: PlanOptions): Promise<ForkPlan> {
    return storePlan(this, { engine: this.kind, ...options });
  }

  /** Starts a run and waits for its end. */
  async run(options: PlanOptions): Promise<RunView> {
    const plan = await this.plan(options);
    await this.engine.start(plan);
    return this.ended(plan);
  }

  /** The run's state once the `times`-th end stands in its log. */
  async ended(plan: ForkPlan, times = 1): Promise<RunView> {
    let ends = 0;
    await this.until(plan, (event) => event.type === 'run-ended' && ++ends === times);
    return this.view(plan);
  }

  async view(plan: ForkPlan): Promise<RunView> {
    return foldRun(plan, await this.runs.events(plan.runId));
  }

  /** Follows the run's log until an event fits. */
  async until(plan: ForkPlan, fits: (event: BranchEvent) => boolean): Promise<BranchEvent[]> {
    const stop = new AbortController();
    const seen: BranchEvent[] = [];
    for await (const event of this.runs.follow(plan.runId, stop.signal)) {
      seen.push(event);
      if (fits(event)) stop.abort();
    }
    return seen;
  }
}

const promptOf = (request: ReceivedRequest): string => request.body.messages[0].content[0].text;
const branch = (view: RunView, name: string): BranchView => {
  const found = view.branches.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no branch ${name}`);
  return found;
};
const states = (view: RunView): Record<string, string> =>
  Object.fromEntries(view.branches.map(({ name, state }) => [name, state]));
const named = (...names: string[]) => names.map((name) => ({ name }));

/** A gate that a test opens itself. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

const readCall = (file: string) => ({ type: 'tool_use' as const, name: 'Read', input: { file_path: file } });
const recordedRead = (file: string, content: string) => ({
  name: 'Read',
  input: { file_path: file },
  result: { content, isError: false },
});

/** What every engine must do, whatever drives it. */
export function describeEngineContract(kind: ForkPlan['engine'], makeEngine: MakeEngine): void {
  describe(`the ${kind} engine keeps the contract`, () => {
    let bench: Bench;
    /** One for nearly all tests: on Temporal each has a worker, which takes seconds to start. */
    let shared: Bench | undefined;
    /** @param own for a test that leaves more in its data folder than runs */
    const start = async (script: ReplyScript, own?: 'own'): Promise<Bench> => {
      if (own === undefined) {
        shared ??= await Bench.start(kind, makeEngine);
        bench = shared;
      } else {
        bench = await Bench.start(kind, makeEngine);
        onTestFinished(bench.close.bind(bench));
      }
      bench.answer(script);
      return bench;
    };
    afterAll(() => shared?.close());

    describe('side by side', () => {
      it('has all branches under way at once, and settles each on its own', async () => {
        const all = gate();
        const { api } = await start((request) => {
          if (request.index === 2) all.open();
          if (promptOf(request) === 'refused')
            return { status: 400, message: 'max_tokens is too large', before: all.opened };
          if (promptOf(request) === 'cut')
            return { content: 'half a reply', endAfter: 2, ending: 'destroy', before: all.opened };
          return { content: 'A whole reply.', before: all.opened };
        });
        const view = await bench.run({ branches: named('fine', 'refused', 'cut') });
        expect(states(view)).toEqual({ fine: 'completed', refused: 'failed', cut: 'failed' });
        expect(view.state).toBe('failed');
        expect(branch(view, 'fine')).toMatchObject({
          text: 'A whole reply.',
          stopReason: 'end_turn',
          billing: 'known',
        });
        expect(branch(view, 'refused').error).toMatchObject({ code: 'bad_request', hint: expect.any(String) });
        expect(branch(view, 'refused').error?.message).toContain('max_tokens is too large');
        expect(branch(view, 'refused').billing).toBe('known');
        expect(api.requests).toHaveLength(3);
      });

      it('sends what was stored, and keeps tokens, cost and the reply', async () => {
        const { api } = await start([{ content: 'Yes.', usage: { input_tokens: 1_000_000, output_tokens: 10 } }]);
        const view = await bench.run({ branches: [{ name: 'one', prompt: 'Is it so?' }] });
        expect(api.requests[0]?.body).toMatchObject({ model: 'claude-haiku-4-5', max_tokens: 1000, stream: true });
        expect(api.requests[0]?.headers.authorization ?? api.requests[0]?.headers['x-api-key']).toContain(
          'sk-ant-test-contract',
        );
        const one = branch(view, 'one');
        expect(one.usage).toMatchObject({ inputTokens: 1_000_000, outputTokens: 10 });
        expect(one.costUsd).toBeCloseTo(1.00005);
        expect(one.attempts).toBe(1);
        const reply = one.results[0]?.reply;
        expect(reply && (await bench.blobs.get(reply))).toMatchObject({ content: [{ type: 'text', text: 'Yes.' }] });
      });
    });

    describe('of several runs', () => {
      it('lets a small one through while a large one is under way', async () => {
        const bothQueued = gate();
        const { api } = await start(() => ({ content: 'Yes.', before: bothQueued.opened }));
        const branches = Array.from({ length: 100 }, (_, index) => ({ name: `large ${index}` }));
        const large = await bench.plan({ branches });
        const small = await bench.plan({ branches: named('small 1', 'small 2') });
        await bench.engine.start(large);
        await expect.poll(() => api.requests.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(8);
        await bench.engine.start(small);
        // A workflow hands its branches over as they start; in this process they start with their places.
        let started = kind === 'temporal' ? 0 : 2;
        await bench.until(small, ({ type }) => (type === 'branch-started' ? ++started : started) >= 2);
        await delay(kind === 'temporal' ? 1_000 : 50);
        bothQueued.open();
        expect((await bench.ended(small)).state).toBe('completed');
        const asked = api.requests.map(promptOf);
        const ofSmall = asked.flatMap((prompt, index) => (prompt.startsWith('small') ? [index] : []));
        // Those that were handed out before it came go first: as many as there are places.
        expect(Math.max(...ofSmall)).toBeLessThan(60);
        expect((await bench.ended(large)).state).toBe('completed');
      });
    });

    describe('events', () => {
      it('come in order, and the same to those who follow as to those who read later', async () => {
        await start([{ content: 'One two three.', deltas: 3 }]);
        const plan = await bench.plan({ branches: named('one') });
        const following = bench.until(plan, (event) => event.type === 'run-ended');
        await bench.engine.start(plan);
        const seen = await following;
        const types = seen.map((event) => event.type).filter((type) => type !== 'text-delta');
        expect(types).toEqual([
          'run-started',
          'branch-started',
          'request-sent',
          'first-token',
          'step-completed',
          'branch-ended',
          'run-ended',
        ]);
        const text = seen.map((event) => (event.type === 'text-delta' ? event.text : '')).join('');
        expect(text).toBe('One two three.');
        expect(await bench.runs.events(plan.runId)).toEqual(seen);
        expect(seen.every((event) => event.runId === plan.runId && !Number.isNaN(Date.parse(event.at)))).toBe(true);
      });

      it('show text while it streams, before the reply is over', async () => {
        const rest = gate();
        await start([
          { content: 'First and then the rest', deltas: 2, between: (chunk) => (chunk === 1 ? rest.opened : 0) },
        ]);
        const plan = await bench.plan({ branches: named('one') });
        await bench.engine.start(plan);
        const seen = await bench.until(plan, (event) => event.type === 'text-delta');
        expect(seen.at(-1)).toMatchObject({ type: 'text-delta', text: 'First and th' });
        expect((await bench.view(plan)).state).toBe('running');
        rest.open();
        expect((await bench.ended(plan)).branches[0]?.text).toBe('First and then the rest');
      });
    });

    describe('retries', () => {
      it('asks again after 429, as long after as the API says, and no other process asks before', async () => {
        const { api } = await start([{ status: 429, headers: { 'retry-after-ms': '1500' } }, 'Now it works.'], 'own');
        const plan = await bench.plan({ branches: named('one') });
        await bench.engine.start(plan);
        await bench.until(plan, (event) => event.type === 'retrying');
        const window = windowGate(bench.home, apiKey, new URL(api.baseUrl).host);
        const model = api.requests[0]?.body.model as string;
        await window.enter({ provider: 'anthropic', model }, new AbortController().signal);
        const elsewhere = performance.now();
        const view = await bench.ended(plan);
        expect(branch(view, 'one')).toMatchObject({
          state: 'completed',
          text: 'Now it works.',
          attempts: 2,
          billing: 'known',
        });
        const [first, second] = api.requests;
        for (const at of [second?.at ?? 0, elsewhere]) expect(at - (first?.endedAt ?? 0)).toBeGreaterThanOrEqual(1_495);
        const retrying = (await bench.runs.events(plan.runId)).find((event) => event.type === 'retrying');
        expect(retrying).toMatchObject({ attempt: 1, billing: 'known', error: { code: 'rate_limited' } });
      });

      it.each([500, 529])('asks again after %i', async (status) => {
        const { api } = await start([{ status }, 'Now it works.']);
        expect(branch(await bench.run({ branches: named('one') }), 'one')).toMatchObject({
          state: 'completed',
          attempts: 2,
        });
        expect(api.requests).toHaveLength(2);
      });

      it('gives up after five tries, and says why', async () => {
        const { api } = await start(() => ({ status: 529 }));
        const view = await bench.run({ branches: named('one') });
        expect(branch(view, 'one')).toMatchObject({ state: 'failed', attempts: 5, error: { code: 'overloaded' } });
        expect(api.requests).toHaveLength(5);
      });

      it('never asks again after 400, 401, 403, 404 and 413, and where the API wants that', async () => {
        const codes = ['400', '401', '403', '404', '413', '529'];
        const { api } = await start((request) => ({
          status: Number(promptOf(request)),
          headers: { 'x-should-retry': promptOf(request) === '529' ? 'false' : 'true' },
        }));
        const view = await bench.run({ branches: named(...codes) });
        expect(view.branches.map(({ error }) => error?.code)).toEqual([
          'bad_request',
          'authentication',
          'permission',
          'not_found',
          'too_large',
          'overloaded',
        ]);
        expect(view.branches.every(({ attempts, billing }) => attempts === 1 && billing === 'known')).toBe(true);
        expect(api.requests.map(promptOf).sort()).toEqual(codes);
        expect(JSON.stringify(view)).not.toContain('sk-ant-test-contract');
      });

      it.each([
        ['a stream that breaks', { content: 'half a reply', endAfter: 2, ending: 'destroy' as const }, 'stream_cut'],
        [
          'an error after status 200',
          { content: 'half a reply', endAfter: 2, ending: { errorType: 'overloaded_error' } },
          'overloaded',
        ],
      ])('keeps the text of %s, says that it may be billed, and does not send it again', async (_what, reply, code) => {
        const { api } = await start([reply]);
        const view = await bench.run({ branches: named('one') });
        expect(branch(view, 'one')).toMatchObject({
          state: 'failed',
          text: 'half a r',
          billing: 'unknown',
          attempts: 1,
          error: { code },
        });
        expect(api.requests).toHaveLength(1);
      });
    });

    describe('stopping', () => {
      const hanging: ReplyScript = (request) =>
        promptOf(request) === 'fine' ? 'Fine.' : { content: 'something more', endAfter: 1, ending: 'hang' };

      it('cancels one branch: its stream is closed within a second, the others go on', async () => {
        const { api } = await start(hanging);
        const plan = await bench.plan({ branches: named('stuck', 'fine') });
        await bench.engine.start(plan);
        await bench.until(plan, (event) => event.type === 'text-delta' && event.branchId === 'b1');
        const stuck = api.requests.find((request) => promptOf(request) === 'stuck');
        const asked = performance.now();
        await bench.engine.cancel(plan.runId, branchIdSchema.parse('b1'));
        await stuck?.done;
        expect((stuck?.endedAt ?? Number.POSITIVE_INFINITY) - asked).toBeLessThan(1_000);
        expect(stuck?.closedByClient).toBe(true);
        const view = await bench.ended(plan);
        expect(states(view)).toEqual({ stuck: 'cancelled', fine: 'completed' });
        expect(branch(view, 'stuck')).toMatchObject({ text: 'somet', billing: 'unknown', error: null });
        expect(view.state).toBe('cancelled');
      });

      it('cancels the run: all streams are closed within a second', async () => {
        const { api } = await start(hanging);
        const plan = await bench.plan({ branches: named('x', 'y', 'z') });
        await bench.engine.start(plan);
        await api.received(3);
        const asked = performance.now();
        await bench.engine.cancel(plan.runId);
        const view = await bench.ended(plan);
        for (const request of api.requests) {
          await request.done;
          expect(request.closedByClient).toBe(true);
          expect((request.endedAt ?? Number.POSITIVE_INFINITY) - asked).toBeLessThan(1_000);
        }
        expect(states(view)).toEqual({ x: 'cancelled', y: 'cancelled', z: 'cancelled' });
        expect(view.state).toBe('cancelled');
      });

      it('cancels a branch that waits before it asks again', async () => {
        const { api } = await start([{ status: 429, headers: { 'retry-after': '250' } }], 'own');
        const plan = await bench.plan({ branches: named('one') });
        await bench.engine.start(plan);
        await bench.until(plan, (event) => event.type === 'retrying');
        await bench.engine.cancel(plan.runId);
        expect(states(await bench.ended(plan))).toEqual({ one: 'cancelled' });
        expect(api.requests).toHaveLength(1);
      });

      it('ends a branch that takes too long, and only that one', async () => {
        const { api } = await start(hanging);
        const view = await bench.run({ branches: named('stuck', 'fine'), timeoutSeconds: 1 });
        expect(states(view)).toEqual({ stuck: 'failed', fine: 'completed' });
        expect(branch(view, 'stuck')).toMatchObject({
          text: 'somet',
          stopReason: 'timeout',
          error: { code: 'timeout' },
          billing: 'unknown',
        });
        const stuck = api.requests.find((request) => promptOf(request) === 'stuck');
        await stuck?.done;
        expect(stuck?.closedByClient).toBe(true);
      });

      it('sends nothing more once the budget is used up, and keeps what came', async () => {
        const { api } = await start(() => ({
          content: [readCall('/a')],
          usage: { input_tokens: 1_000_000, output_tokens: 1 },
        }));
        const turns = [{ turn: 1, prompt: null, calls: [recordedRead('/a', 'A')] }];
        const view = await bench.run({ branches: named('one'), budgetUsd: 1.5, turns });
        expect(api.requests).toHaveLength(2);
        expect(branch(view, 'one')).toMatchObject({ state: 'cancelled', stopReason: 'budget', steps: 2 });
        expect(branch(view, 'one').costUsd).toBeCloseTo(2, 3);
      });
    });

    describe('a shared prefix', () => {
      it('lets one branch go ahead, and the others leave at its first token', async () => {
        const end = gate();
        const { api } = await start((request) =>
          promptOf(request) === 'leader' ? { content: 'Ahead.', before: 150, between: end.opened } : 'Behind.',
        );
        const grouped = named('leader', 'follower', 'second').map((each) => ({ ...each, cacheGroup: 'prefix' }));
        const plan = await bench.plan({ branches: [...grouped, { name: 'alone' }] });
        await bench.engine.start(plan);
        // The followers come although the leader has not ended: its first token is enough.
        await api.received(4);
        end.open();
        const view = await bench.ended(plan);
        const at = (name: string) => api.requests.find((request) => promptOf(request) === name);
        const first = at('leader')?.firstByteAt ?? Number.POSITIVE_INFINITY;
        expect(at('follower')?.at).toBeGreaterThanOrEqual(first);
        expect(at('second')?.at).toBeGreaterThanOrEqual(first);
        expect(at('alone')?.at).toBeLessThan(first);
        expect(view.state).toBe('completed');
      });

      it('does not hold the others back when the leader fails', async () => {
        await start((request) => (promptOf(request) === 'leader' ? { status: 400 } : 'Fine.'));
        const grouped = named('leader', 'follower').map((each) => ({ ...each, cacheGroup: 'prefix' }));
        expect(states(await bench.run({ branches: grouped }))).toEqual({ leader: 'failed', follower: 'completed' });
      });
    });

    describe('starting', () => {
      it('makes one run of a double start', async () => {
        const { api } = await start(() => 'Once.');
        const plan = await bench.plan({ branches: named('x', 'y') });
        await Promise.all([bench.engine.start(plan), bench.engine.start(plan)]);
        await bench.ended(plan);
        await bench.engine.start(plan);
        expect(api.requests).toHaveLength(2);
        const events = await bench.runs.events(plan.runId);
        expect(events.filter((event) => event.type === 'run-started')).toHaveLength(1);
      });

      it('says that it is ready', async () => {
        await start([]);
        expect(await bench.engine.availability()).toMatchObject({ ready: true });
        expect(bench.engine.kind).toBe(kind);
      });
    });

    describe('tools', () => {
      const turns = [
        { turn: 1, prompt: null, calls: [recordedRead('/a', 'text of a'), recordedRead('/b', 'text of b')] },
      ];

      it('answers calls from the recording, and asks on', async () => {
        const { api } = await start([
          { content: [{ type: 'text', text: 'Reading.' }, readCall('/b'), readCall('/a')] },
          'Both read.',
        ]);
        const view = await bench.run({ branches: named('one'), turns });
        const [, second] = api.requests;
        expect(second?.body.messages).toHaveLength(3);
        const results = second?.body.messages[2].content;
        expect(results).toMatchObject([
          { type: 'tool_result', content: 'text of b' },
          { type: 'tool_result', content: 'text of a' },
        ]);
        const calls = second?.body.messages[1].content.slice(1);
        expect(results.map((result: { tool_use_id: string }) => result.tool_use_id)).toEqual(
          calls.map((call: { id: string }) => call.id),
        );
        expect(branch(view, 'one')).toMatchObject({
          state: 'completed',
          steps: 2,
          stopReason: 'end_turn',
          text: 'Reading.\n\nBoth read.',
        });
        expect(branch(view, 'one').toolCalls.map(({ name, answer }) => [name, answer])).toEqual([
          ['Read', 'recorded'],
          ['Read', 'recorded'],
        ]);
      });

      it('ends at a call that was not recorded, and shows it', async () => {
        const { api } = await start([{ content: [readCall('/c')] }]);
        const one = branch(await bench.run({ branches: named('one'), turns }), 'one');
        expect(one).toMatchObject({ state: 'completed', stopReason: 'tool_not_recorded' });
        expect(one.toolCalls).toMatchObject([{ name: 'Read', input: { file_path: '/c' }, answer: 'none' }]);
        expect(api.requests).toHaveLength(1);
      });

      it('ends at the first call where the policy says so', async () => {
        const { api } = await start([{ content: [readCall('/a')] }]);
        const one = branch(await bench.run({ branches: named('one'), turns, tools: 'stop' }), 'one');
        expect(one).toMatchObject({ state: 'completed', stopReason: 'tool_stop' });
        expect(api.requests).toHaveLength(1);
      });

      it('ends after the largest number of steps', async () => {
        const { api } = await start(() => ({ content: [readCall('/a')] }));
        const one = branch(await bench.run({ branches: named('one'), turns, maxSteps: 3 }), 'one');
        expect(one).toMatchObject({ state: 'completed', stopReason: 'max_steps', steps: 3 });
        expect(api.requests).toHaveLength(3);
      });
    });

    describe('replies that are no use as they are', () => {
      const turns = [{ turn: 1, prompt: null, calls: [recordedRead('/a', 'text of a')] }];
      const isFirst = (request: ReceivedRequest) => request.body.messages.length === 1;

      const search = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} };
      const again = { ...readCall('/a'), id: 'toolu_same' };
      const paused = { content: [{ type: 'raw' as const, block: search }], stopReason: 'pause_turn' };
      const million = { input_tokens: 1_000_000, output_tokens: 0 };
      const oddReplies: Record<string, (request: ReceivedRequest) => Reply> = {
        mended: (request) => {
          if (request.body.messages.length === 5) return 'Read twice.';
          if (!isFirst(request)) return { content: [again] };
          const odd = [
            { type: 'text' as const, text: ' ' },
            { type: 'thinking' as const, thinking: 'Hm.', signature: '' },
            { type: 'raw' as const, block: { type: 'hologram' } },
          ];
          return { content: [...odd, { type: 'text', text: 'I read.' }, again] };
        },
        refused: () => ({ content: [readCall('/a')], stopReason: 'refusal' }),
        'cut off': () => ({ content: [readCall('/a')], stopReason: 'max_tokens' }),
        'paused once': (request) => (isFirst(request) ? paused : 'Found.'),
        'paused for ever': () => paused,
        'of unknown usage': () => ({ content: 'Free?', usage: null }),
        searching: () => ({
          content: 'Found.',
          usage: { ...million, server_tool_use: { web_search_requests: 3 } },
        }),
        fast: () => ({ content: 'Quick.', usage: { ...million, speed: 'fast' } }),
      };

      it('are mended and sent back, which is said, or end the branch; what they cost is known or not', async () => {
        const { api } = await start((request) => oddReplies[promptOf(request)]?.(request));
        const view = await bench.run({ branches: named(...Object.keys(oddReplies)), turns, maxSteps: 3 });
        const sentBy = (name: string) => api.requests.filter((request) => promptOf(request) === name);

        expect(branch(view, 'mended')).toMatchObject({ state: 'completed', stopReason: 'end_turn', steps: 3 });
        const [, second, third] = sentBy('mended');
        expect(second?.body.messages[1].content).toMatchObject([{ text: 'I read.' }, { id: 'toolu_same' }]);
        expect(third?.body.messages[3].content).toMatchObject([{ id: 'toolu_same_2' }]);
        expect(third?.body.messages[4].content).toMatchObject([{ tool_use_id: 'toolu_same_2' }]);
        const notes = branch(view, 'mended').notes.join('\n');
        for (const said of ['empty text', 'without its signature', '“hologram”', 'used twice']) {
          expect(notes).toContain(said);
        }

        expect(branch(view, 'refused')).toMatchObject({ stopReason: 'refusal', steps: 1 });
        expect(branch(view, 'cut off')).toMatchObject({ stopReason: 'max_tokens', steps: 1 });
        expect(branch(view, 'paused once')).toMatchObject({ stopReason: 'end_turn', steps: 2, text: 'Found.' });
        expect(sentBy('paused once')[1]?.body.messages[1]).toEqual({ role: 'assistant', content: [search] });
        expect(branch(view, 'paused for ever')).toMatchObject({ stopReason: 'max_steps', steps: 3 });

        expect(branch(view, 'of unknown usage')).toMatchObject({ text: 'Free?', costUsd: null, billing: 'unknown' });
        expect(branch(view, 'searching').costUsd).toBeCloseTo(1.03);
        expect(branch(view, 'fast').costUsd).toBeNull();
      });

      it('end the branch in words where nothing can be sent back', async () => {
        const replayed = [...turns, { turn: 2, prompt: [{ type: 'text', text: 'Next' }], calls: [] }];
        const { api } = await start((request) =>
          isFirst(request) ? { content: [readCall('/a')] } : { content: [{ type: 'text', text: '' }] },
        );
        const one = branch(await bench.run({ kind: 'replay', branches: named('one'), turns: replayed }), 'one');
        expect(one).toMatchObject({ state: 'completed', stopReason: 'reply_not_sendable', steps: 2 });
        expect(one.notes.join()).toContain('nothing of it can be sent back');
        expect(api.requests).toHaveLength(2);
      });
    });

    describe('replays', () => {
      const second = [{ type: 'text', text: 'And now the second prompt' }];
      const turns = [
        { turn: 1, prompt: null, calls: [recordedRead('/a', 'text of a')] },
        { turn: 2, prompt: second, calls: [] },
      ];

      it('walks through the recorded prompts in order', async () => {
        const { api } = await start([{ content: [readCall('/a')] }, 'First answer.', 'Second answer.']);
        const view = await bench.run({ kind: 'replay', branches: named('one'), turns });
        const last = api.requests[2]?.body.messages;
        expect(last.map((message: { role: string }) => message.role)).toEqual([
          'user',
          'assistant',
          'user',
          'assistant',
          'user',
        ]);
        expect(last[4].content[0]).toMatchObject(second[0] as object);
        const one = branch(view, 'one');
        expect(one).toMatchObject({ state: 'completed', stopReason: 'end_turn', steps: 3, divergedAtTurn: null });
        expect(one.results.map(({ turn }) => turn)).toEqual([1, 1, 2]);
      });

      it('stops where the tools first differ, and says where', async () => {
        const { api } = await start(['No need to read anything.']);
        const one = branch(await bench.run({ kind: 'replay', branches: named('one'), turns }), 'one');
        expect(one).toMatchObject({ state: 'completed', stopReason: 'diverged', divergedAtTurn: 1 });
        expect(api.requests).toHaveLength(1);
      });
    });

    describe('orders to a run under way', () => {
      const added = async (name: string, branchId: string) => {
        const { branches } = await buildPlan(bench.blobs, { branches: [{ name }] });
        return { ...branches[0]!, branchId: branchIdSchema.parse(branchId) };
      };
      /** A run whose first branch is answered once the gate is open. */
      const held = async (options: Partial<PlanOptions> = {}) => {
        const rest = gate();
        const { api } = await start((request) => {
          if (promptOf(request) !== 'held') return 'Fine.';
          const usage = { input_tokens: 1_000_000, output_tokens: 1 };
          return { content: request.body.messages.length < 4 ? [readCall('/a')] : 'Done.', before: rest.opened, usage };
        });
        const turns = [{ turn: 1, prompt: null, calls: [recordedRead('/a', 'A'), recordedRead('/a', 'A')] }];
        const plan = await bench.plan({ branches: named('held'), turns, ...options });
        await bench.engine.start(plan);
        await api.received(1);
        return { api, plan, open: rest.open };
      };
      const stored = async (plan: ForkPlan): Promise<RunView> => bench.view(await bench.runs.plan(plan.runId));

      it('takes one more branch, runs it beside the others, and keeps it', async () => {
        const { api, plan, open } = await held();
        const late = await added('late', 'b2');
        await bench.engine.addBranch(plan.runId, late);
        await bench.until(plan, (event) => event.type === 'branch-ended' && event.branchId === late.branchId);
        expect((await stored(plan)).state).toBe('running');
        await expect(bench.engine.addBranch(plan.runId, late)).rejects.toThrow(/has a branch b2 already/);
        open();
        await bench.ended(plan);
        const view = await stored(plan);
        expect(states(view)).toEqual({ held: 'completed', late: 'completed' });
        expect(branch(view, 'late').text).toBe('Fine.');
        expect(api.requests.map(promptOf).filter((prompt) => prompt === 'late')).toHaveLength(1);
        const events = await bench.runs.events(plan.runId);
        expect(events.filter(({ type }) => type === 'branch-added')).toHaveLength(1);
        expect(events.filter(({ type }) => type === 'run-ended')).toHaveLength(1);
        await expect(bench.engine.addBranch(plan.runId, await added('later', 'b3'))).rejects.toThrow(/has ended/);
        expect((await stored(plan)).branches).toHaveLength(2);
      });

      it('tells who cancels whether there was something to cancel', async () => {
        const { plan, open } = await held({ branches: named('held', 'fine') });
        const [stuck, fine] = plan.branches.map(({ branchId }) => branchId);
        await bench.until(plan, (event) => event.type === 'branch-ended' && event.branchId === fine);
        expect(await bench.engine.cancel(plan.runId, fine)).toBe(false);
        expect(await bench.engine.cancel(plan.runId, stuck)).toBe(true);
        const unknown = bench.engine.cancel(plan.runId, branchIdSchema.parse('b9'));
        await expect(unknown).rejects.toMatchObject({ code: 'not_found' });
        expect(states(await bench.ended(plan))).toEqual({ held: 'cancelled', fine: 'completed' });
        expect(await bench.engine.cancel(plan.runId, stuck)).toBe(false);
        open();
      });

      it('goes on with a larger budget', async () => {
        const { api, plan, open } = await held({ budgetUsd: 0.5 });
        await bench.engine.changeLimits(plan.runId, { budgetUsd: 100 });
        open();
        const view = await bench.ended(plan);
        expect(branch(view, 'held')).toMatchObject({ state: 'completed', stopReason: 'end_turn', steps: 3 });
        expect(api.requests).toHaveLength(3);
        expect((await stored(plan)).budgetUsd).toBe(100);
      });

      it('stops at a smaller budget', async () => {
        const { api, plan, open } = await held();
        await bench.engine.changeLimits(plan.runId, { budgetUsd: 0.5 });
        open();
        expect(branch(await bench.ended(plan), 'held')).toMatchObject({
          state: 'cancelled',
          stopReason: 'budget',
          steps: 1,
        });
        expect(api.requests).toHaveLength(1);
      });

      it('ends a branch at an earlier time', async () => {
        const { plan } = await held();
        await bench.engine.changeLimits(plan.runId, { timeoutSeconds: 0.5 });
        expect(branch(await bench.ended(plan), 'held')).toMatchObject({ state: 'failed', stopReason: 'timeout' });
      });

      it('refuses limits that the run does not have, and those of a run that has ended', async () => {
        const { plan, open } = await held();
        const several = bench.engine.changeLimits(plan.runId, { concurrency: 3 });
        await expect(several).rejects.toMatchObject({ code: 'bad_input', hint: expect.any(String) });
        open();
        await bench.ended(plan);
        await expect(bench.engine.changeLimits(plan.runId, { budgetUsd: 1 })).rejects.toThrow(/has ended/);
        expect((await stored(plan)).budgetUsd).toBeNull();
      });
    });

    describe('running again', () => {
      const turns = [{ turn: 1, prompt: null, calls: [recordedRead('/a', 'text of a')] }];

      it('retries what failed, keeps completed steps, and asks finished branches nothing', async () => {
        let broken = true;
        const { api } = await start((request) => {
          if (promptOf(request) === 'fine') return 'Fine.';
          if (request.body.messages.length === 1) return { content: [readCall('/a')] };
          return broken ? { status: 400 } : 'Now it works.';
        });
        const plan = await bench.plan({ branches: named('fine', 'twice'), turns });
        await bench.engine.start(plan);
        const first = await bench.ended(plan);
        expect(states(first)).toEqual({ fine: 'completed', twice: 'failed' });
        expect(api.requests).toHaveLength(3);

        broken = false;
        await bench.engine.start(plan, { again: { branches: branchesToRun(first, 'retry'), reason: 'retry' } });
        const again = await bench.ended(plan, 2);
        expect(states(again)).toEqual({ fine: 'completed', twice: 'completed' });
        expect(branch(again, 'twice')).toMatchObject({ steps: 2, attempts: 3, error: null });
        expect(api.requests).toHaveLength(4);
        expect(api.requests[3]?.body.messages).toHaveLength(3);
      });

      it('resumes what was cancelled', async () => {
        let stuck = true;
        const { api } = await start((request) =>
          promptOf(request) === 'fine' || !stuck ? 'Fine.' : { content: 'something', endAfter: 1, ending: 'hang' },
        );
        const plan = await bench.plan({ branches: named('fine', 'late') });
        await bench.engine.start(plan);
        const ended: BranchId = branchIdSchema.parse('b1');
        await bench.until(plan, (event) => event.type === 'branch-ended' && event.branchId === ended);
        await api.received(2);
        await bench.engine.cancel(plan.runId);
        const first = await bench.ended(plan);
        stuck = false;
        await bench.engine.start(plan, { again: { branches: branchesToRun(first, 'resume'), reason: 'resume' } });
        const again = await bench.ended(plan, 2);
        expect(again.state).toBe('completed');
        expect(branch(again, 'late')).toMatchObject({ text: 'Fine.', attempts: 2 });
        expect(api.requests).toHaveLength(3);
      });

      it('goes on in a new run from a step of an earlier one: what came before it is not asked again', async () => {
        const { api } = await start([
          { content: [{ type: 'text', text: 'Reading.' }, readCall('/a')] },
          'Read once.',
          'Read anew.',
        ]);
        const plan = await bench.plan({ branches: named('one'), turns });
        await bench.engine.start(plan);
        const first = await bench.ended(plan);
        const as = { runId: testRunId(), createdAt: new Date().toISOString() };
        const from = { branchId: branchIdSchema.parse('b1'), step: 2 };
        const again = await runFromStep({ plan, view: first }, from, as, bench.blobs);
        await bench.runs.create(again.plan, again.events);
        await bench.engine.start(again.plan);
        const second = await bench.ended(again.plan);
        expect(second.state).toBe('completed');
        const [kept, asked] = branch(first, 'one').results;
        expect(branch(second, 'one')).toMatchObject({
          text: 'Reading.\n\nRead anew.',
          attempts: 1,
          toolCalls: [{ name: 'Read', answer: 'recorded' }],
          costUsd: asked?.costUsd,
          saved: { replies: 1, usage: kept?.usage, costUsd: kept?.costUsd },
        });
        expect(api.requests).toHaveLength(3);
        expect(api.requests[2]?.body).toEqual(api.requests[1]?.body);
        expect(await bench.view(plan)).toEqual(first);
      });
    });

    describe('with the result cache', () => {
      const turns = [{ turn: 1, prompt: null, calls: [recordedRead('/a', 'text of a')] }];
      const group = (...names: string[]) => names.map((name) => ({ name, cacheGroup: 'prefix' }));

      it('asks nothing that an earlier run was answered, and says what that saved', async () => {
        const { api } = await start((request) =>
          request.body.messages.length === 1 ? { content: [readCall('/a')] } : `Read for ${promptOf(request)}.`,
        );
        const first = await bench.run({ branches: group('one', 'two'), turns, cache: 'keep' });
        expect(branch(first, 'one')).toMatchObject({ state: 'completed', steps: 2, cached: false, saved: null });
        expect(api.requests).toHaveLength(4);

        const again = await bench.run({ branches: group('one', 'two'), turns, cache: 'read' });
        expect(api.requests).toHaveLength(4);
        for (const name of ['one', 'two']) {
          const { usage, costUsd } = branch(first, name);
          expect(branch(again, name)).toMatchObject({
            state: 'completed',
            steps: 2,
            attempts: 0,
            text: `Read for ${name}.`,
            cached: true,
            saved: { replies: 2, usage, costUsd },
            costUsd: 0,
          });
        }
        // Whoever doesn't want it asks anew.
        await bench.run({ branches: group('one', 'two'), turns, cache: 'keep' });
        expect(api.requests).toHaveLength(8);
      });

      it('goes on without where the cache can’t be used, and says so', async () => {
        const { api } = await start(() => 'Asked.', 'own');
        await mkdir(path.join(bench.home, 'cache'));
        await writeFile(path.join(bench.home, 'cache', 'results'), 'no folder');
        const view = await bench.run({ branches: named('one'), cache: 'read' });
        expect(branch(view, 'one')).toMatchObject({ state: 'completed', cached: false, text: 'Asked.' });
        expect(branch(view, 'one').notes.join()).toMatch(/The result cache can't be written/);
        expect(api.requests).toHaveLength(1);
      });
    });
  });
}
