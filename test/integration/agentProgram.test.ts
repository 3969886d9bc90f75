import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { AgentMessage } from '../../src/core/agent/agentPorts.ts';
import { allowRuleFlags } from '../../src/core/agent/allowRuleFlags.ts';
import { AgentError } from '../../src/core/errors.ts';
import { type AgentStage, agentStage, currentClaude } from '../support/agentStage.ts';
import type { ReceivedRequest, Reply, ReplyBlock } from '../support/messagesApi.ts';
import { descendantsOf, plainPlace } from '../support/plainPlace.ts';
import { sessionOf } from '../support/stage.ts';

const execFileAsync = promisify(execFile);

const use = (name: string, input: unknown): ReplyBlock => ({ type: 'tool_use', name, input });
const bash = (command: string, more: object = {}): ReplyBlock =>
  use('Bash', { command, description: 'Runs it', ...more });
const of = <T extends AgentMessage['type']>(messages: AgentMessage[], type: T) =>
  messages.filter((message): message is Extract<AgentMessage, { type: T }> => message.type === type);
const never = new Promise<never>(() => {});

/** Answers the agent with one reply after the other. */
const inTurn =
  (...replies: Reply[]) =>
  (_: ReceivedRequest, index: number): Reply | undefined =>
    replies[index];

/** Is the request one of the subagent that was given this task? */
const isAbout = (request: ReceivedRequest, task: string): boolean =>
  JSON.stringify(request.body.messages.find(({ role }: { role: string }) => role === 'user')).includes(task);

/** Processes whose command line holds this text. */
async function running(text: string): Promise<string[]> {
  const { stdout } = await execFileAsync('ps', ['-eo', 'pid=,args=']);
  return stdout.split('\n').filter((line) => line.includes(text) && !line.includes('ps -eo'));
}

async function until(happened: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await happened())) {
    if (performance.now() > deadline) throw new Error('It did not happen within 30 seconds.');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// Beside one another where nothing is timed: each is mostly a start of Claude Code, and waiting.
describe.concurrent.each([currentClaude, '2.1.300', '2.1.200'])('a whole turn of Claude Code %s', (version) => {
  test('thinks, reads, writes, edits, runs a command and sends a subagent; every step arrives whole and in order', async () => {
    const sub = 'SUBAGENT-TASK';
    const file = (stage: AgentStage, name: string) => join(stage.cwd, name);
    const main: ((stage: AgentStage) => Reply)[] = [
      (stage) => ({
        content: [
          { type: 'thinking', thinking: 'I look first.' },
          { type: 'text', text: 'I look.' },
          use('Read', { file_path: file(stage, 'a.txt') }),
        ],
        usage: { cache_read_input_tokens: 1_000, cache_creation_input_tokens: 20 },
      }),
      (stage) => ({
        content: [
          use('Edit', { file_path: file(stage, 'a.txt'), old_string: 'one', new_string: 'two' }),
          use('Write', { file_path: file(stage, 'b.txt'), content: 'new\n' }),
        ],
      }),
      () => ({ content: [bash('echo from-bash > c.txt; cat c.txt')] }),
      () => ({
        content: [
          use('Agent', { description: 'x', prompt: sub, subagent_type: 'general-purpose', run_in_background: false }),
        ],
      }),
      () => ({ content: 'All done.' }),
    ];
    let step = 0;
    await using stage: AgentStage = await agentStage(
      (request): Reply | undefined => {
        if (!isAbout(request, sub)) return main[step++]?.(stage);
        const answered = JSON.stringify(request.body.messages).includes('tool_result');
        return answered ? 'The subagent is done.' : { content: [use('Read', { file_path: file(stage, 'b.txt') })] };
      },
      { version },
    );
    await writeFile(file(stage, 'a.txt'), 'one\n');

    const { end, messages, questions } = await stage.turn({ answer: () => ({ behavior: 'allow', scope: 'call' }) });

    expect(end).toMatchObject({ kind: 'completed', stopReason: 'end_turn', error: null, resetsAt: null });
    expect(end.costUsd).toBeGreaterThan(0);
    expect(questions.map(({ tool }) => tool)).toEqual(['Bash']);
    expect(await readFile(file(stage, 'a.txt'), 'utf8')).toBe('two\n');
    expect(await readFile(file(stage, 'b.txt'), 'utf8')).toBe('new\n');
    expect(await readFile(file(stage, 'c.txt'), 'utf8')).toBe('from-bash\n');

    const [started] = of(messages, 'started');
    expect(started).toMatchObject({ version, permissionMode: 'default' });
    expect(started?.tools).toContain('Bash');
    const types = messages.map(({ type }) => type);
    expect(types.indexOf('started')).toBeLessThan(types.indexOf('first-token'));
    expect(of(messages, 'first-token')).toHaveLength(1);
    expect(
      of(messages, 'text')
        .map(({ text }) => text)
        .join(''),
    ).toBe('I look.All done.');

    const replies = of(messages, 'reply').filter(({ parent }) => parent === null);
    const sent = stage
      .requests()
      .filter((request) => !isAbout(request, sub))
      .map((request) => request.sent);
    expect(replies.map(({ messageId }) => messageId)).toEqual(sent.map((reply) => reply?.id));
    expect(replies.map(({ reply }) => reply.content)).toEqual(
      sent.map((reply) =>
        reply?.content.map((block) => {
          if (block.type === 'thinking') return { ...block, signature: 'c2lnbmF0dXJl' };
          // Claude Code fills in what the model left out, and records it.
          if (block.type !== 'tool_use' || block.name !== 'Edit') return block;
          return { ...block, input: { ...(block.input as object), replace_all: false } };
        }),
      ),
    );
    expect(replies.map(({ reply }) => reply.stopReason)).toEqual([...Array(4).fill('tool_use'), 'end_turn']);
    expect(replies[0]?.reply.usage).toEqual({
      inputTokens: sent[0]?.usage.input_tokens,
      outputTokens: sent[0]?.usage.output_tokens,
      cacheReadTokens: 1_000,
      cacheWriteTokens: 20,
    });

    const calls = replies.flatMap(({ reply }) => reply.content.filter((block) => block.type === 'tool_use'));
    const results = of(messages, 'tool-result').filter(({ parent }) => parent === null);
    expect(new Set(results.map(({ callId }) => callId))).toEqual(new Set(calls.map(({ id }) => id)));
    expect(results).toHaveLength(calls.length);
    expect(results.every(({ isError }) => !isError)).toBe(true);
    expect(JSON.stringify(results.find(({ callId }) => callId === calls[3]?.id)?.content)).toContain('from-bash');

    const task = calls.find(({ name }) => name === 'Agent')?.id;
    const steps = of(messages, 'reply').filter(({ parent }) => parent !== null);
    expect(steps.every(({ parent }) => parent === task)).toBe(true);
    expect(steps.flatMap(({ reply }) => reply.content.map(({ name }) => name))).toContain('Read');
    expect(of(messages, 'tool-result').some(({ parent }) => parent === task)).toBe(true);
  });

  test('a turn that is resumed goes on in the same session, and tells its own cost only', async () => {
    await using stage = await agentStage(inTurn('First.', 'Second.'), { version });
    const first = await stage.turn();
    const second = await stage.turn({ order: { resume: true, prompt: [{ type: 'text', text: 'And now?' }] } });

    expect(second.end.kind).toBe('completed');
    expect(JSON.stringify(stage.requests()[1]?.body.messages)).toContain('First.');
    expect(second.end.costUsd).toBeGreaterThan(0);
    expect(second.end.costUsd).toBeLessThan(1.5 * (first.end.costUsd ?? 0));
  });

  test('an interrupt in mid-stream keeps what was said, and the session goes on', async () => {
    const cut: Reply = { content: 'abcdefghij', deltas: 5, between: (delta) => (delta < 2 ? 0 : never) };
    await using stage = await agentStage(inTurn(cut, 'On again.'), { version });
    const stop = new AbortController();
    const onMessage = (message: AgentMessage): void => {
      if (message.type === 'text' && message.text === 'cd') stop.abort(new Error('Stopped.'));
    };
    const played = stage.turn({ signal: stop.signal, onMessage });

    await expect(played).rejects.toThrow('Stopped.');
    expect(of(stage.messages, 'reply').map(({ reply }) => reply)).toMatchObject([
      { content: [{ type: 'text', text: 'abcd' }], stopReason: null },
    ]);
    const { end } = await stage.turn({ order: { resume: true } });
    expect(end.kind).toBe('completed');
    expect(JSON.stringify(stage.requests()[1]?.body.messages)).toContain('abcd');
  });

  test('a question is allowed, another denied with a message, and the agent’s own gets the answers of a person', async () => {
    const fetches = [use('WebFetch', { url: 'https://one.invalid/a', prompt: 'x' }), bash('touch q.txt')];
    const options = ['A', 'B'].map((label) => ({ label, description: label }));
    const own = [{ question: 'Which one?', header: 'Pick', multiSelect: false, options }];
    const asks = { content: [use('AskUserQuestion', { questions: own })] };
    await using stage = await agentStage(inTurn({ content: fetches }, asks, 'Good.'), { version });
    const asked: string[] = [];
    const { messages, questions } = await stage.turn({
      async answer({ tool }) {
        asked.push(tool);
        if (tool === 'AskUserQuestion') return { behavior: 'allow', scope: 'call', answers: { 'Which one?': 'B' } };
        if (tool === 'Bash') return { behavior: 'allow', scope: 'call' };
        return { behavior: 'deny', scope: 'call', message: 'Not that page.' };
      },
    });

    expect(asked.slice(0, 2).sort()).toEqual(['Bash', 'WebFetch']);
    expect(asked.slice(2)).toEqual(['AskUserQuestion']);
    expect(questions.find(({ tool }) => tool === 'Bash')?.input).toMatchObject({ command: 'touch q.txt' });
    expect(existsSync(join(stage.cwd, 'q.txt'))).toBe(true);
    const results = of(messages, 'tool-result');
    expect(results.filter(({ isError }) => isError)).toHaveLength(1);
    expect(results).toHaveLength(3);
    expect(results.find(({ isError }) => isError)?.content).toBe('Not that page.');
    expect(results[2]).toMatchObject({ isError: false });
    expect(of(messages, 'denied')).toEqual([]);
    expect(JSON.stringify(stage.requests()[2]?.body.messages)).toContain('\\"Which one?\\"=\\"B\\"');
  });

  test('a usage limit of the account is told with the time of its reset', async () => {
    const resetsAt = 1_900_000_000;
    const limited: Reply = {
      status: 429,
      message: 'This request would exceed your account’s rate limit.',
      headers: {
        'anthropic-ratelimit-unified-status': 'rejected',
        'anthropic-ratelimit-unified-reset': String(resetsAt),
        'anthropic-ratelimit-unified-representative-claim': 'five_hour',
        'anthropic-ratelimit-unified-overage-status': 'rejected',
      },
    };
    await using stage = await agentStage(() => limited, { version });
    const { end } = await stage.turn({
      order: { env: { ANTHROPIC_API_KEY: '', CLAUDE_CODE_OAUTH_TOKEN: 'not-a-token' } },
    });
    expect(end).toMatchObject({ kind: 'limit', error: { code: 'limit' } });
    expect(end.resetsAt).toBe(new Date(resetsAt * 1000).toISOString());
    expect(stage.requests()).toHaveLength(1);
  });
});

describe('cancellation', () => {
  test('a running command and a server that it left in the background end within a second', async () => {
    const mark = `forkpoint-server-${process.pid}`;
    const command = `bash -c 'exec -a ${mark} sleep 1000' & bash -c 'exec -a ${mark} tail -f /dev/null'`;
    await using stage = await agentStage(inTurn({ content: [bash(command)] }));
    const stop = new AbortController();
    const played = stage.turn({ signal: stop.signal, answer: () => ({ behavior: 'allow', scope: 'call' }) });
    await until(async () => (await running(mark)).length >= 2);
    const from = performance.now();
    stop.abort(new Error('Stopped.'));

    await expect(played).rejects.toThrow('Stopped.');
    expect(performance.now() - from).toBeLessThan(1_500);
    await until(async () => (await running(mark)).length === 0);
    expect(of(stage.messages, 'reply')).toHaveLength(1);
  });

  test('a program that doesn’t heed is killed with all that it started', async () => {
    const mark = `forkpoint-deaf-${process.pid}`;
    await using stage = await agentStage(inTurn('Never sent.'));
    const program = join(stage.cwd, 'deaf');
    const script = `#!/bin/bash\ntrap '' TERM INT\nsetsid bash -c 'exec -a ${mark} sleep 1000' &\nexec -a ${mark} tail -f /dev/null\n`;
    await writeFile(program, script, { mode: 0o755 });
    const stop = new AbortController();
    const played = stage.turn({ signal: stop.signal, order: { program } });
    await until(async () => (await running(mark)).length >= 2);
    const from = performance.now();
    stop.abort(new Error('Stopped.'));
    await expect(played).rejects.toThrow('Stopped.');
    expect(performance.now() - from).toBeLessThan(1_200);
    await until(async () => (await running(mark)).length === 0);
  });

  test('a question that waits is dropped', async () => {
    await using stage = await agentStage(inTurn({ content: [bash('touch q.txt')] }));
    const stop = new AbortController();
    const asked = stage.turn({
      signal: stop.signal,
      answer: () => {
        setTimeout(() => stop.abort(new Error('Stopped.')), 50);
        return never;
      },
    });
    await expect(asked).rejects.toThrow('Stopped.');
    expect(existsSync(join(stage.cwd, 'q.txt'))).toBe(false);
  });

  test('before the start nothing is started', async () => {
    await using stage = await agentStage(inTurn('Never sent.'));
    await expect(stage.turn({ signal: AbortSignal.abort(new Error('Too late.')) })).rejects.toThrow('Too late.');
    expect(stage.api.requests).toEqual([]);
  });
});

describe('the program is lost', () => {
  test('killed in a command: an error that says so; resumed, the agent is told that the outcome is unknown', async () => {
    const replies = inTurn({ content: [bash('touch begun; tail -f /dev/null')] }, 'I looked again.');
    await using stage = await agentStage(replies);
    const starts: number[] = [];
    const place = plainPlace(stage.cwd);
    const watched = plainPlace(stage.cwd, {
      spawn(command, options) {
        const started = place.spawn(command, options);
        starts.push(started.pid);
        return started;
      },
    });
    const played = stage.turn({ order: { place: watched }, answer: () => ({ behavior: 'allow', scope: 'call' }) });
    played.catch(() => {});
    await until(() => existsSync(join(stage.cwd, 'begun')));
    const [pid = -1] = starts;
    // Its shells have sessions of their own: they would go on. The leaves first, as they may end with their parents.
    for (const one of [pid, ...descendantsOf(pid)].reverse()) process.kill(one, 'SIGKILL');
    await expect(played).rejects.toThrow(AgentError);
    await expect(played).rejects.toThrow('SIGKILL');

    const { end } = await stage.turn({ order: { resume: true, prompt: [{ type: 'text', text: 'Go on.' }] } });
    expect(end.kind).toBe('completed');
    expect(JSON.stringify(stage.requests()[1]?.body.messages)).toContain('its outcome is unknown');
  });

  test('a session that is not there: its own words', async () => {
    await using stage = await agentStage(inTurn('Never sent.'));
    const played = stage.turn({ order: { resume: true } }).then(
      ({ end }) => end.error?.message,
      (error: Error) => error.message,
    );
    expect(await played).toContain('No conversation found');
  });

  test('a program that says nothing of what is expected', async () => {
    await using stage = await agentStage(inTurn('Never sent.'));
    const program = join(stage.cwd, 'not-claude');
    await writeFile(program, '#!/bin/sh\necho hello\necho \'{"type":"never heard of"}\'\necho broken >&2\nexit 3\n', {
      mode: 0o755,
    });
    await expect(stage.turn({ order: { program } })).rejects.toThrow(/without a result \(exit code 3\).*broken/s);
  });

  test('a listener that throws ends the program', async () => {
    await using stage = await agentStage(inTurn({ content: 'abc', between: (delta) => (delta < 1 ? 0 : never) }));
    const onMessage = ({ type }: AgentMessage): void => {
      if (type === 'text') throw new Error('The log is full.');
    };
    await expect(stage.turn({ onMessage })).rejects.toThrow('The log is full.');
    expect(await running(stage.cwd)).toEqual([]);
  });
});

describe.concurrent('how a turn ends', () => {
  const reading = (stage: AgentStage): Reply => ({ content: [use('Read', { file_path: join(stage.cwd, 'a.txt') })] });

  test('at the most replies, and at the budget', async () => {
    await using stage: AgentStage = await agentStage((): Reply => reading(stage));
    expect((await stage.turn({ order: { maxTurns: 2 } })).end).toMatchObject({ kind: 'max_turns', error: null });
    expect(stage.requests()).toHaveLength(2);
    const { end } = await stage.turn({ order: { sessionId: sessionOf(2), budgetUsd: 0.01 } });
    expect(end).toMatchObject({ kind: 'budget', error: null });
    expect(end.costUsd).toBeGreaterThan(0.01);
  });

  test('a key that is refused, after one try more', async () => {
    await using stage = await agentStage(() => ({ status: 401, message: 'invalid x-api-key' }));
    const { end, messages } = await stage.turn();
    expect(end).toMatchObject({ kind: 'failed', error: { code: 'authentication' } });
    expect(end.error?.hint).toContain('/login');
    expect(of(messages, 'retrying').length).toBeGreaterThanOrEqual(2);
    expect(stage.requests().length).toBeLessThanOrEqual(3);
  });

  test('without a login', async () => {
    await using stage = await agentStage(inTurn('Never sent.'));
    const { end } = await stage.turn({ order: { env: { ANTHROPIC_API_KEY: '' } } });
    expect(end).toMatchObject({ kind: 'failed', error: { code: 'authentication' } });
    expect(stage.api.requests).toEqual([]);
  });

  test.each([
    ['overloaded', { status: 529 }],
    ['rate limit of a key', { status: 429, headers: { 'retry-after': '0' } }],
  ])('%s: Claude Code asks again by itself', async (_, refusal) => {
    await using stage = await agentStage(inTurn(refusal, refusal, 'At last.'));
    const { end, messages } = await stage.turn();
    expect(end.kind).toBe('completed');
    expect(of(messages, 'retrying').map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(of(messages, 'retrying').every(({ delayMs }) => delayMs >= 0)).toBe(true);
  });

  test('a stream that is cut is asked for anew; the torn reply is not kept', async () => {
    const cut: Reply = { content: 'abcdef', ending: 'destroy', endAfter: 1 };
    await using stage = await agentStage(inTurn(cut, 'Whole.'));
    const { messages } = await stage.turn();
    expect(of(messages, 'reply').map(({ reply }) => reply.content)).toEqual([[{ type: 'text', text: 'Whole.' }]]);
    expect(of(messages, 'retrying')).toHaveLength(1);
  });

  test.each([
    ['bad_request', { status: 400, message: 'messages.0: wrong' }, 'messages.0: wrong'],
    [
      'permission',
      { status: 400, message: 'Your credit balance is too low to access the Anthropic API.' },
      'Credit balance',
    ],
    ['too_large', { status: 400, message: 'prompt is too long: 250000 tokens > 200000 maximum' }, 'too long'],
    ['not_found', { status: 404, message: 'model: nope' }, 'model'],
  ])('%s: what the API says', async (code, reply, words) => {
    await using stage = await agentStage(() => reply);
    const { end } = await stage.turn();
    expect(end).toMatchObject({ kind: 'failed', error: { code } });
    expect(end.error?.message).toContain(words);
  });
});

describe.concurrent('work in the background', () => {
  const permitted = { answer: () => ({ behavior: 'allow', scope: 'call' }) as const };

  test('the turn is over when the agent has heard of a command that ended', async () => {
    const replies = inTurn({ content: [bash('sleep 1', { run_in_background: true })] }, 'I wait.', 'It is done.');
    await using stage = await agentStage(replies);
    const { end, messages } = await stage.turn(permitted);
    expect(end.kind).toBe('completed');
    expect(of(messages, 'started')).toHaveLength(1);
    expect(of(messages, 'reply').at(-1)?.reply.content).toEqual([{ type: 'text', text: 'It is done.' }]);
    expect(end.costUsd).toBeGreaterThan(0.1);
  });

  test('a subagent that works on is waited for', async () => {
    const task = 'SUBAGENT-TASK';
    let step = 0;
    const replies: Reply[] = [
      {
        content: [
          use('Agent', { description: 'x', prompt: task, subagent_type: 'general-purpose', run_in_background: true }),
        ],
      },
      'I wait.',
      'It is done.',
    ];
    const scripted = (request: ReceivedRequest): Reply | undefined =>
      isAbout(request, task) ? { content: 'Done.', before: 1_000 } : replies[step++];
    // Short waits: it must be ours that is waited, not what Claude Code takes to leave.
    await using stage = await agentStage(scripted, { times: { shellsMs: 100, leaveMs: 100 } });
    const { messages } = await stage.turn();
    expect(
      of(messages, 'reply')
        .filter(({ parent }) => parent === null)
        .at(-1)?.reply.content,
    ).toEqual([{ type: 'text', text: 'It is done.' }]);
  });

  test('a server is not waited for, and ends', async () => {
    const mark = `forkpoint-forever-${process.pid}`;
    const server = bash(`bash -c 'exec -a ${mark} tail -f /dev/null'`, { run_in_background: true });
    await using stage = await agentStage(inTurn({ content: [server] }, 'It runs.'), { times: { shellsMs: 500 } });
    const { end } = await stage.turn(permitted);
    expect(end.kind).toBe('completed');
    await until(async () => (await running(mark)).length === 0);
  });
});

describe.concurrent('permissions', () => {
  test('files outside of the place are not written, whatever the policy', async () => {
    await using stage: AgentStage = await agentStage((_, index): Reply | undefined =>
      index === 0 ? { content: [use('Write', { file_path: `${stage.configDir}/out.txt`, content: 'x' })] } : 'Well.',
    );
    const { messages, questions } = await stage.turn();
    expect(questions).toEqual([]);
    expect(of(messages, 'denied')).toMatchObject([{ tool: 'Write', message: expect.stringContaining(stage.cwd) }]);
    expect(of(messages, 'tool-result')).toMatchObject([{ isError: true }]);
    expect(existsSync(join(stage.configDir, 'out.txt'))).toBe(false);
  });

  test('unattended: commands and sensitive files are denied, edits go through, all of it is listed', async () => {
    const settings = (stage: AgentStage) => join(stage.cwd, '.claude/settings.json');
    await using stage: AgentStage = await agentStage((_, index): Reply | undefined => {
      if (index > 0) return 'Well.';
      return {
        content: [
          bash('touch q.txt'),
          bash('touch known.txt'),
          use('Write', { file_path: settings(stage), content: '{}' }),
          use('Write', { file_path: join(stage.cwd, 'ok.txt'), content: 'x' }),
        ],
      };
    });
    const { end, messages } = await stage.turn({
      order: { permissions: 'deny', allowedCommands: ['touch known.txt'] },
    });
    expect(end.kind).toBe('completed');
    expect(of(messages, 'denied').map(({ tool }) => tool)).toEqual(['Bash', 'Write']);
    expect(
      ['q.txt', 'known.txt', 'ok.txt', '.claude/settings.json'].map((name) => existsSync(join(stage.cwd, name))),
    ).toEqual([false, true, true, false]);
  });

  test('what is allowed for the branch is asked once', async () => {
    const again = { content: [bash('touch q.txt', { description: 'Once more' })] };
    await using stage = await agentStage(inTurn({ content: [bash('touch q.txt')] }, again, 'Good.'));
    const { questions } = await stage.turn({ answer: () => ({ behavior: 'allow', scope: 'branch' }) });
    expect(questions).toHaveLength(1);
  });

  test('questions of parallel calls wait at the same time', async () => {
    const pages = ['one', 'two'].map((name) => use('WebFetch', { url: `https://${name}.invalid/`, prompt: 'x' }));
    await using stage = await agentStage(inTurn({ content: pages }, 'Good.'));
    const both = Promise.withResolvers<void>();
    let open = 0;
    const { questions } = await stage.turn({
      async answer() {
        open += 1;
        if (open === 2) both.resolve();
        await both.promise;
        return { behavior: 'deny', scope: 'call' };
      },
    });
    expect(questions).toHaveLength(2);
  });

  test('a plan is shown before it is approved', async () => {
    await using stage: AgentStage = await agentStage(({ body }, index): Reply | undefined => {
      if (index === 1) return { content: [use('ExitPlanMode', {})] };
      if (index > 1) return 'Planned.';
      const [file] = /[^"\s\\]*\/plans\/[\w-]+\.md/.exec(JSON.stringify(body.messages)) ?? [];
      return { content: [use('Write', { file_path: file, content: '# The plan' })] };
    });
    const { questions, end } = await stage.turn({
      order: { chain: { tools: null, permissionMode: 'plan', version: currentClaude } },
      answer: () => ({ behavior: 'allow', scope: 'call' }),
    });
    expect(end.kind).toBe('completed');
    expect(questions).toMatchObject([{ tool: 'ExitPlanMode', input: { plan: '# The plan' } }]);
  });

  test.each([
    [currentClaude, true, 'ask'],
    [currentClaude, true, 'bypass'],
    [currentClaude, false, 'ask'],
    ['2.1.300', true, 'ask'],
    ['2.1.200', true, 'ask'],
  ] as const)(
    'neither rules nor hooks let a write through into the tree that the place is a copy of, and it is said where to work: %s, confined %s, %s',
    async (version, isConfined, permissions) => {
      let tree = '';
      const calls = () => [
        use('Write', { file_path: join(tree, 'new.txt'), content: 'x' }),
        use('Read', { file_path: join(tree, 'old.txt') }),
        use('Edit', { file_path: join(tree, 'old.txt'), old_string: 'old', new_string: 'new' }),
      ];
      const script = (_: ReceivedRequest, index: number): Reply | undefined =>
        index < 3 ? { content: calls().slice(index, index + 1) } : 'Well.';
      await using stage = await agentStage(script, { version });
      tree = join(stage.configDir, 'tree');
      await mkdir(tree);
      await writeFile(join(tree, 'old.txt'), 'old');
      const rules = { allow: ['Edit', 'Write'], additionalDirectories: [stage.configDir] };
      const allows = { hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'allow' } };
      const allowsAsked = {
        hookSpecificOutput: { hookEventName: 'PermissionRequest', decision: { behavior: 'allow' } },
      };
      const saying = (output: object) => [
        { matcher: 'Edit|Write', hooks: [{ type: 'command', command: `echo '${JSON.stringify(output)}'` }] },
      ];
      // A hook that answers permission requests races with our answer; where it wins, only the system can refuse, which a plain
      // place has no way to.
      const hooks = { PreToolUse: saying(allows), ...(isConfined ? {} : { PermissionRequest: saying(allowsAsked) }) };
      await writeFile(join(stage.configDir, 'settings.json'), JSON.stringify({ permissions: rules, hooks }));
      const copy = {
        kind: 'worktree',
        projectRoot: tree,
        userFolders: [tree],
        isConfined,
        toPlace: () => stage.cwd,
      } as const;
      const { messages } = await stage.turn({
        order: {
          place: plainPlace(stage.cwd, copy),
          permissions,
          chain: { tools: null, permissionMode: 'acceptEdits', version },
        },
      });
      const denied = of(messages, 'denied');
      expect(denied.map(({ tool }) => tool)).toEqual(['Write', 'Edit']);
      for (const { message } of denied) expect(message).toContain(`Change files below ${stage.cwd} only.`);
      const told = of(messages, 'tool-result').filter(({ isError }) => isError);
      expect(told).toHaveLength(2);
      if (isConfined) for (const { content } of told) expect(content).toContain(stage.cwd);
      expect(existsSync(join(tree, 'new.txt'))).toBe(false);
      expect(await readFile(join(tree, 'old.txt'), 'utf8')).toBe('old');
    },
  );

  test('allow rules of a folder that Claude Code does not trust count when they are passed as flags', async () => {
    const rules = ['Bash(touch one.txt)', 'Bash(git log, x:*)'];
    for (const passed of [false, true]) {
      await using stage = await agentStage(inTurn({ content: [bash('touch one.txt')] }, 'Good.'));
      await mkdir(join(stage.cwd, '.claude'));
      await writeFile(join(stage.cwd, '.claude/settings.json'), JSON.stringify({ permissions: { allow: rules } }));
      const plain = plainPlace(stage.cwd);
      const place = plainPlace(stage.cwd, {
        spawn: (command, options) => plain.spawn([...command, ...(passed ? allowRuleFlags(rules) : [])], options),
      });
      const { questions } = await stage.turn({ order: { place }, answer: () => ({ behavior: 'deny', scope: 'call' }) });
      expect(questions).toHaveLength(passed ? 0 : 1);
    }
  });
});
