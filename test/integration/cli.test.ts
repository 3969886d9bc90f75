import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { caseFolder } from '../support/caseFolders.ts';
import { bundleCli, CliBench, type CliOptions, type CliResult } from '../support/cli.ts';
import { type MessagesApi, type ReceivedRequest, type ReplyScript, startMessagesApi } from '../support/messagesApi.ts';
import { startProxy } from '../support/proxy.ts';
import { refusingIllegal } from '../support/strictApi.ts';

const root = path.resolve(import.meta.dirname, '../..');
const sample = '7d3c1f52-9a64-4c0e-8b1d-5e2f60a4c913';
const forkFile = path.join(root, 'demo/demo.fork.yaml');

// The shapes of the contract. Loose: more fields are welcome.
const usage = z.object({
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWriteTokens: z.number(),
});
const text = z.string().nullable();
const sessionShape = z.object({
  sessionId: z.string(),
  file: z.string(),
  projectPath: text,
  title: z.string(),
  turns: z.number(),
  firstAt: text,
  lastAt: text,
  bytes: z.number(),
  models: z.array(z.string()),
  costUsd: z.number().nullable(),
  gitBranch: text,
  version: text,
  problems: z.number(),
});
const inspectShape = z.object({
  session: sessionShape,
  turns: z.array(
    z.object({
      turnId: z.string(),
      index: z.number(),
      prompt: z.string(),
      at: text,
      models: z.array(z.string()),
      steps: z.number(),
      tools: z.array(z.string()),
      usage,
      interrupted: z.boolean(),
      error: text,
      active: z.boolean(),
      compactedAway: z.boolean(),
    }),
  ),
  branches: z.array(
    z.object({ leafUuid: z.string(), splitUuid: text, turns: z.array(z.string()), active: z.boolean() }),
  ),
  subagents: z.array(z.unknown()),
  compactions: z.array(z.unknown()),
  problems: z.array(z.object({ line: z.number(), kind: z.string(), detail: z.string() })),
});
const state = z.enum(['pending', 'running', 'completed', 'failed', 'cancelled']);
const runShape = z.object({
  runId: z.string(),
  kind: z.enum(['fork', 'replay']),
  engine: z.enum(['in-process', 'temporal']),
  state,
  createdAt: z.iso.datetime(),
  session: z.object({ sessionId: z.string() }),
  point: z.object({ kind: z.enum(['before', 'after']), uuid: z.string() }),
  fidelity: z.enum(['exact', 'reconstructed']),
  branches: z.array(
    z.object({
      branchId: z.string(),
      name: z.string(),
      repeat: z.number(),
      state,
      model: z.string(),
      steps: z.number(),
      usage,
      costUsd: z.number().nullable(),
      startedAt: text,
      endedAt: text,
      attempts: z.number(),
      stopReason: text,
      error: z.object({ code: z.string(), message: z.string(), hint: z.string() }).nullable(),
      text: z.string(),
      toolCalls: z.array(z.looseObject({ name: z.string(), input: z.unknown() })),
      billing: z.enum(['known', 'unknown']),
    }),
  ),
});
const comparisonShape = z.object({
  baseline: z.object({ id: z.literal('recorded') }),
  branches: z.array(z.object({ id: z.string(), name: z.string() })),
  pairs: z.array(
    z.object({
      a: z.string(),
      b: z.string(),
      similarity: z.number().min(0).max(1),
      firstDivergence: z.unknown(),
      textDiff: text,
      toolDiff: z.unknown(),
      filesDiff: z.null(),
    }),
  ),
});
const errorShape = z.strictObject({
  error: z.strictObject({ code: z.string(), message: z.string(), hint: z.string().min(1), details: z.unknown() }),
});

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let bench: CliBench;
let api: MessagesApi | undefined;
const key = 'sk-ant-test-command-line';

beforeAll(async () => {
  bundle = await bundleCli();
});
afterAll(() => bundle.remove());
beforeEach(async () => {
  bench = await CliBench.make(bundle.script);
  await cp(path.join(root, 'demo/claude'), path.join(bench.home, 'claude'), { recursive: true });
});
afterEach(async () => {
  await api?.close();
  api = undefined;
  await bench.remove();
});

const claudeDir = () => path.join(bench.home, 'claude');
/** A call on the sample's sessions. */
const cli = (args: string[], options: CliOptions = {}): Promise<CliResult> =>
  bench.run(args, { ...options, env: { CLAUDE_CONFIG_DIR: claudeDir(), ...options.env } });
const demo = (...args: string[]) => cli(['fork', '--file', forkFile, '--demo', ...args]);

async function withApi(script: ReplyScript): Promise<{ api: MessagesApi; env: Record<string, string> }> {
  api = await startMessagesApi(refusingIllegal(script));
  return { api, env: { ANTHROPIC_BASE_URL: api.baseUrl, ANTHROPIC_API_KEY: key } };
}

function expectError(result: CliResult, code: number, kind: string): z.infer<typeof errorShape>['error'] {
  expect(result.stdout + result.stderr).not.toContain('    at ');
  expect(result.code).toBe(code);
  const { error } = errorShape.parse(result.json());
  expect(error.code).toBe(kind);
  return error;
}

describe('reading sessions', () => {
  it('lists them', async () => {
    const result = await cli(['list', '--json']);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    const { sessions } = z.object({ sessions: z.array(sessionShape) }).parse(result.json());
    expect(sessions).toMatchObject([
      {
        sessionId: sample,
        projectPath: '/home/sam/slug-tools',
        title: 'Fix the slugify edge cases',
        turns: 5,
        problems: 0,
      },
    ]);
    expect((await cli(['list', '--json', '--project', '/somewhere/else'])).json()).toEqual({ sessions: [] });
    expect((await bench.run(['--claude-dir', claudeDir(), '--json', 'list'])).json()).toEqual(result.json());
    expect((await bench.run(['--claude-dir=~/claude', 'list', '--json'])).json()).toEqual(result.json());
    const table = await bench.run(['list', '--claude-dir', claudeDir()]);
    expect(table.stdout).toMatch(/SESSION +TITLE +TURNS/);
    expect(table.stdout).toContain('Fix the slugify edge cases');
    expect(table.stdout).not.toContain('\u001b');
  });

  it('lists nothing where there is no folder', async () => {
    const result = await bench.run(['list', '--json', '--claude-dir', path.join(bench.home, 'none')]);
    expect(result).toMatchObject({ code: 0 });
    expect(result.json()).toEqual({ sessions: [] });
    expect((await bench.run(['list'])).code).toBe(0);
  });

  it('inspects one, by id, prefix and path', async () => {
    const result = await cli(['inspect', sample, '--json']);
    const shown = inspectShape.parse(result.json());
    expect(shown.turns.map(({ index, prompt, active, steps }) => [index, prompt.slice(0, 16), active, steps])).toEqual([
      [1, 'Why does slugify', true, 2],
      [2, 'Fix it and add a', true, 4],
      [3, 'Try a table of r', false, 1],
      [4, 'Now handle emoji', true, 3],
      [5, 'Is a regex the r', true, 1],
    ]);
    expect(shown.branches.filter(({ active }) => !active)).toHaveLength(1);
    const file = shown.session.file;
    for (const other of [sample.slice(0, 6), file])
      expect((await cli(['inspect', other, '--json'])).json()).toEqual(result.json());
    const one = (await cli(['inspect', sample, '--turn', '2', '--json'])).json();
    expect(one.turns).toHaveLength(1);
    expect(one.turns[0].tools).toEqual(['Edit', 'Bash']);
    expect((await cli(['inspect', sample])).stdout).toContain('abandoned');
  });

  it('streams messages and requests', async () => {
    const messages = (await cli(['messages', sample])).lines();
    expect(new Set(messages.map(({ uuid }) => uuid)).size).toBe(messages.length);
    expect(messages[0]).toMatchObject({ line: 1, type: 'user', role: 'user', active: true, message: { role: 'user' } });
    const requests = (await cli(['requests', sample])).lines();
    expect(requests).toHaveLength(11);
    for (const request of requests)
      expect(request).toMatchObject({ fidelity: 'exact', digestVerified: true, missing: [] });
    expect(requests[0]).not.toHaveProperty('request');
    const [full] = (await cli(['requests', sample, '--full'])).lines();
    expect(full).toMatchObject({ betas: ['interleaved-thinking-2025-05-14'], request: { model: 'claude-sonnet-4-5' } });
  });

  it('rebuilds the request at a turn', async () => {
    const request = (await cli(['request', sample, '--turn', '4', '--json'])).json();
    expect(request).toMatchObject({
      fidelity: 'exact',
      digestVerified: true,
      missing: [],
      point: { kind: 'before', turnIndex: 4 },
    });
    expect(request.request.model).toBe('claude-opus-4-5');
    expect(JSON.stringify(request.request.messages.at(-1))).toContain('Now handle emoji');
    expect(JSON.stringify(request.request.messages)).not.toContain('Try a table');
  });

  it('says what is not there', async () => {
    expect(expectError(await cli(['inspect', 'nothing', '--json']), 3, 'not_found').hint).toMatch(/list/);
    expectError(await cli(['inspect', sample, '--turn', '9', '--json']), 3, 'not_found');
    expectError(await cli(['request', sample, '--turn', '9', '--json']), 3, 'not_found');
    expectError(await cli(['request', sample, '--before', 'no-such-uuid', '--json']), 3, 'not_found');
    expectError(await cli(['request', sample, '--json']), 2, 'bad_input');
    expectError(await cli(['request', sample, '--turn', '1', '--after', 'x', '--json']), 2, 'bad_input');
    for (const run of ['r-none', '../../etc', '']) expectError(await cli(['status', run, '--json']), 3, 'not_found');
  });

  it('reads what is damaged as far as it goes', async () => {
    const folder = path.join(claudeDir(), 'projects', '-home-sam-broken');
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, '00000000-0000-4000-8000-000000000001.jsonl'), '');
    await writeFile(
      path.join(folder, '00000000-0000-4000-8000-000000000002.jsonl'),
      'no JSON at all\n\u0000\u0000\n{"type":',
    );
    const result = await cli(['list', '--json']);
    expect(result.code).toBe(0);
    expect(result.json().sessions[0].sessionId).toBe(sample);
  });
});

describe('bad usage', () => {
  it.each([
    [['no-such-command']],
    [['list', '--no-such-option']],
    [['list', '--limit', 'many']],
    [['inspect']],
    [['compare', 'r-x', '--format', 'pdf']],
  ])('%j ends with 2, and an error object with --json', async (args) => {
    expectError(await cli([...args, '--json']), 2, 'bad_input');
    const plain = await cli(args);
    expect(plain).toMatchObject({ code: 2, stdout: '' });
    expect(plain.stderr).toContain('error');
  });

  it('help and version are none', async () => {
    expect(await cli([])).toMatchObject({ code: 2, stderr: expect.not.stringContaining('outputHelp') });
    expect(await cli(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    expect(await cli(['fork', '--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('--budget-usd') });
  });
});

describe('the sample', () => {
  it('runs three branches offline, and prints what differs', async () => {
    const result = await demo();
    expect(result.code).toBe(0);
    expect(result.stderr).toContain('offline demo model');
    for (const name of ['as recorded', 'cheaper', 'terse'])
      expect(result.stdout).toMatch(new RegExp(`^${name} +completed`, 'm'));
    expect(result.stdout).toContain('recorded ↔ cheaper');
    expect(result.stdout).toMatch(/^-.*reading the function/m);
    expect(result.stdout).toMatch(/^\+.*offline demo model/m);
  });

  it('is deleted with a yes, and not without', async () => {
    expect((await demo()).code).toBe(0);
    const [{ runId }] = (await cli(['runs', '--json'])).json().runs;
    expect(await cli(['delete', runId])).toMatchObject({ code: 2, stderr: expect.stringContaining('Add --yes') });
    expect((await cli(['delete', runId, '--yes', '--json'])).json()).toEqual({ deleted: runId, failedTeardowns: [] });
    expect((await cli(['runs', '--json'])).json()).toEqual({ runs: [] });
  });

  it('is kept: status, runs, compare and export show it', async () => {
    const run = runShape.parse((await demo('--json')).json());
    expect(run).toMatchObject({ kind: 'fork', state: 'completed', fidelity: 'exact', session: { sessionId: sample } });
    expect(run.branches.map(({ name, state: of, costUsd }) => [name, of, costUsd])).toEqual([
      ['as recorded', 'completed', 0],
      ['cheaper', 'completed', 0],
      ['terse', 'completed', 0],
    ]);
    expect(run.branches[0]).toMatchObject({
      stopReason: 'end_turn',
      steps: 2,
      toolCalls: [{ name: 'Read', answer: 'recorded' }],
    });
    expect(runShape.parse((await cli(['status', run.runId, '--json'])).json())).toEqual(run);
    expect((await cli(['runs', '--json'])).json().runs).toHaveLength(1);
    expect((await cli(['runs'])).stdout).toContain('Now handle emoji');

    const comparison = comparisonShape.parse((await cli(['compare', run.runId, '--json'])).json());
    expect(comparison.pairs.map(({ a, b }) => [a, b])).toEqual([
      ['recorded', 'b1'],
      ['recorded', 'b2'],
      ['recorded', 'b3'],
    ]);
    const [pair] = comparisonShape.parse(
      (await cli(['compare', run.runId, 'cheaper', 'terse', '--json'])).json(),
    ).pairs;
    expect(pair).toMatchObject({ a: 'b2', b: 'b3' });
    expect((await cli(['compare', run.runId, '--format', 'patch'])).stdout).toMatch(/^--- recorded/m);
    expect((await cli(['compare', run.runId, '--format', 'markdown'])).stdout).toMatch(/^\| Branch \|/m);
    expectError(await cli(['compare', run.runId, 'nobody', '--json']), 3, 'not_found');

    const to = path.join(bench.home, 'out');
    expect((await cli(['export', run.runId, '--to', to])).code).toBe(0);
    expect((await readdir(to)).sort()).toEqual([
      'b1-as-recorded.txt',
      'b2-cheaper.txt',
      'b3-terse.txt',
      'run.json',
      'run.md',
    ]);
    expect(runShape.parse(JSON.parse(await readFile(path.join(to, 'run.json'), 'utf8'))).runId).toBe(run.runId);
    expect(await readFile(path.join(to, 'run.md'), 'utf8')).toContain('## cheaper');
  });

  it('replays recorded prompts, and stops where the tools differ', async () => {
    const replayed = runShape.parse((await cli(['replay', sample, '--from', '4', '--demo', '--json'])).json());
    expect(replayed).toMatchObject({ kind: 'replay', state: 'completed' });
    expect(replayed.branches[0]).toMatchObject({ stopReason: 'diverged' });
  });
});

describe('a fork', () => {
  const fork = ['fork', sample, '--turn', '4', '--tools', 'stop'];
  const promptOf = ({ body }: ReceivedRequest): string => JSON.stringify(body.messages.at(-1));
  const two = ['--branch', 'name=one', '--branch', 'name=two,prompt=Say it again, please'];

  it('sends nothing that costs money without a yes', async () => {
    const { api, env } = await withApi([]);
    const error = expectError(await cli([...fork, '--json'], { env }), 2, 'not_confirmed');
    expect(error.details).toMatchObject({
      requests: 1,
      costUsd: { low: expect.any(Number), high: expect.any(Number) },
    });
    const unset = await cli([...fork, '--yes', '--json'], { env: { ANTHROPIC_BASE_URL: api.baseUrl } });
    expect(expectError(unset, 2, 'bad_input').hint).toContain('ANTHROPIC_API_KEY');
    expect(api.requests).toHaveLength(0);
  });

  it.each([
    [{ ANTHROPIC_BASE_URL: 'api.example.org' }, 'does not begin with https://'],
    [{ ANTHROPIC_API_KEY: '“sk-ant-one”' }, 'has the character “'],
    [{ HTTPS_PROXY: 'socks5://127.0.0.1:1' }, 'HTTPS_PROXY'],
  ])('refuses what nothing can be sent with: %j', async (env, why) => {
    const { api, env: usual } = await withApi([]);
    const error = expectError(await cli([...fork, '--yes', '--json'], { env: { ...usual, ...env } }), 2, 'bad_input');
    expect(error.message).toContain(why);
    expect(api.requests).toHaveLength(0);
  });

  it('refuses a model that only Claude Code knows, by its name', async () => {
    const { env } = await withApi([]);
    const error = expectError(
      await cli([...fork, '--branch', 'model=opus', '--yes', '--json'], { env }),
      2,
      'bad_input',
    );
    expect(error.message).toContain('“opus”');
    expect(error.details).toMatchObject({ path: 'branches.0.model' });
  });

  it('takes a token in place of a key', async () => {
    const { api, env } = await withApi(['Done.']);
    const { ANTHROPIC_API_KEY: _key, ...others } = env;
    const token = { ...others, ANTHROPIC_AUTH_TOKEN: 'token-of-a-gateway' };
    const result = await cli([...fork, '--yes', '--json'], { env: token });
    expect(result.code).toBe(0);
    expect(api.requests[0]?.headers.authorization).toBe('Bearer token-of-a-gateway');
    expect(result.stdout + result.stderr).not.toContain('token-of');
  });

  it('takes the token where a key is there, too, and says so', async () => {
    const { api, env } = await withApi(['Done.']);
    const both = { ...env, ANTHROPIC_AUTH_TOKEN: 'token-of-a-gateway' };
    const said = /with ANTHROPIC_AUTH_TOKEN; ANTHROPIC_API_KEY is set, too, and not used/;
    const dry = await cli([...fork, '--dry-run'], { env: both });
    expect(dry.stdout).toMatch(said);
    const result = await cli([...fork, '--yes'], { env: both });
    expect(result.code).toBe(0);
    expect(result.stderr).toMatch(said);
    expect(api.requests[0]?.headers.authorization).toBe('Bearer token-of-a-gateway');
  });

  it('goes through the proxy that the environment names', async () => {
    const { api, env } = await withApi(['Done.']);
    await using proxy = await startProxy();
    const result = await cli([...fork, '--yes', '--json'], { env: { ...env, HTTP_PROXY: proxy.url } });
    expect(result.code).toBe(0);
    expect(proxy.asked).toEqual([`POST ${api.baseUrl}/v1/messages`]);
  });

  it('forks a session without a reply where the branch names its model', async () => {
    const { api, env } = await withApi(['Three rivers.']);
    const folder = caseFolder('w05-no-reply-with-model-named');
    const args = ['fork', '55555555', '--turn', '1', '--claude-dir', folder, '--yes', '--json'];
    const named = await bench.run([...args, '--branch', 'model=claude-haiku-4-5'], { env });
    expect(runShape.parse(named.json()).branches).toMatchObject([{ state: 'completed', text: 'Three rivers.' }]);
    expect(api.requests[0]?.body.model).toBe('claude-haiku-4-5');
    const unnamed = await bench.run(args, { env });
    expect(expectError(unnamed, 2, 'bad_fork_point').hint).toContain('--branch model=');
    expectError(
      await bench.run(['--json', 'request', '55555555', '--turn', '1', '--claude-dir', folder]),
      2,
      'bad_fork_point',
    );
  });

  it('sends what was recorded where nothing is changed', async () => {
    const { api, env } = await withApi(['Done.']);
    const result = await cli([...fork, '--yes', '--json'], { env });
    const run = runShape.parse(result.json());
    expect(result.code).toBe(0);
    expect(result.stderr.match(/^Run .*$/gm)).toEqual([`Run ${run.runId}`]);
    expect(result.stderr + result.stdout).not.toContain(key);
    const { request, betas } = (await cli(['request', sample, '--turn', '4', '--json'])).json();
    expect(api.requests[0]?.body).toEqual({ ...request, stream: true });
    expect(api.requests[0]?.headers['anthropic-beta']).toBe(betas.join(','));
    expect(run.branches).toMatchObject([{ name: 'as recorded', text: 'Done.', billing: 'known' }]);
  });

  it('answers with --cache what an earlier run was answered, and sends nothing', async () => {
    const { api, env } = await withApi(() => 'Answered once.');
    expect((await cli([...fork, '--yes', '--json'], { env })).code).toBe(0);
    const asked = api.requests.length;
    const again = await cli([...fork, '--yes', '--cache', '--json'], { env });
    expect([again.code, again.json().branches[0].cached, again.json().branches[0].text]).toEqual([
      0,
      true,
      'Answered once.',
    ]);
    const read = await cli([...fork, '--yes', '--cache'], { env });
    expect(read.stdout).toMatch(/cached/);
    expect(read.stdout).toMatch(/1 reply from the result cache, .* saved/);
    expect(api.requests).toHaveLength(asked);
  });

  it('takes branches, a matrix and a prompt from the command line', async () => {
    const { api, env } = await withApi(() => 'Done.');
    const args = [
      '--branch',
      'name=terse,effort=low,system=Be brief, please.,repeats=2',
      '--matrix',
      'model=claude-haiku-4-5,claude-opus-4-5',
    ];
    const run = runShape.parse(
      (await cli([...fork, ...args, '--prompt', 'Other words', '--yes', '--json'], { env })).json(),
    );
    expect(run.branches.map(({ name, repeat, model }) => [name, repeat, model])).toEqual([
      ['terse', 1, 'claude-opus-4-5'],
      ['terse', 2, 'claude-opus-4-5'],
      ['claude-haiku-4-5', 1, 'claude-haiku-4-5'],
      ['claude-opus-4-5', 1, 'claude-opus-4-5'],
    ]);
    expect(api.requests.every((request) => promptOf(request).includes('Other words'))).toBe(true);
    expect(JSON.stringify(api.requests.map(({ body }) => body.system))).toContain('Be brief, please.');
  });

  it('reads a file from standard input, and a prompt from a file', async () => {
    const { api, env } = await withApi(['Done.']);
    await writeFile(path.join(bench.home, 'work', 'p.md'), 'Words of a file');
    const stdin = JSON.stringify({
      session: sample,
      at: { turn: 4 },
      tools: 'stop',
      branches: [{ name: 'x', prompt: '@p.md' }],
    });
    expect((await cli(['fork', '--file', '-', '--yes', '--json'], { env, stdin })).code).toBe(0);
    expect(promptOf(api.requests[0] as ReceivedRequest)).toContain('Words of a file');
  });

  it('refuses a wrong file with path and line', async () => {
    const { api, env } = await withApi([]);
    const file = path.join(bench.home, 'wrong.fork.yaml');
    await writeFile(file, `session: ${sample}\nat: { turn: 4 }\nbranches:\n  - name: x\n    effort: huge\n`);
    const error = expectError(await cli(['fork', '--file', file, '--yes', '--json'], { env }), 2, 'bad_input');
    expect(error.message).toContain(`${file}:5: branches[0].effort`);
    expect(error.details).toMatchObject({ path: 'branches[0].effort', line: 5 });
    expectError(await cli(['fork', '--file', path.join(bench.home, 'none.yaml'), '--json'], { env }), 2, 'bad_input');
    expectError(await cli([...fork, '--branch', 'name=x', '--branch', 'name=x', '--json'], { env }), 2, 'bad_input');
    expectError(await cli([...fork, '--branch', 'colour=red', '--json'], { env }), 2, 'bad_input');
    expectError(await cli([...fork, '--engine', 'magic', '--json'], { env }), 2, 'bad_input');
    expectError(await cli([...fork, '--detach', '--yes', '--json'], { env }), 2, 'bad_input');
    expectError(await cli(['fork', 'nothing', '--turn', '1', '--yes', '--json'], { env }), 3, 'not_found');
    expectError(await cli(['fork', sample, '--turn', '99', '--yes', '--json'], { env }), 3, 'not_found');
    expect(api.requests).toHaveLength(0);
  });

  it('ends with 1 where a branch failed, and retry runs only that one', async () => {
    let broken = true;
    const { api, env } = await withApi((request) => {
      if (!promptOf(request).includes('again')) return 'Fine.';
      return broken ? { status: 401, message: `Not with ${key}` } : 'Now it works.';
    });
    const result = await cli([...fork, ...two, '--yes', '--json'], { env });
    const run = runShape.parse(result.json());
    expect(result.code).toBe(1);
    expect(run.branches).toMatchObject([
      { state: 'completed' },
      { state: 'failed', error: { code: 'authentication' } },
    ]);
    expect(result.stdout + result.stderr).not.toContain(key);
    expectError(await cli(['retry', run.runId, '--json'], { env }), 2, 'not_confirmed');
    broken = false;
    const again = await cli(['retry', run.runId, '--yes', '--json'], { env });
    expect(again.code).toBe(0);
    expect(runShape.parse(again.json()).branches).toMatchObject([
      { text: 'Fine.' },
      { text: 'Now it works.', attempts: 2 },
    ]);
    expect(api.requests).toHaveLength(3);
    expectError(await cli(['retry', run.runId, '--yes', '--json'], { env }), 2, 'bad_input');
  });

  it('runs a branch again from a step, as a run of its own that pays only for what comes after', async () => {
    const read = {
      type: 'tool_use' as const,
      name: 'Read',
      input: { file_path: '/home/sam/slug-tools/src/slugify.ts' },
    };
    const { api, env } = await withApi([{ content: [read] }, 'Read once.', 'Read anew.']);
    const run = runShape.parse((await cli(['fork', sample, '--turn', '4', '--yes', '--json'], { env })).json());
    expect(run.branches).toMatchObject([{ steps: 2, text: 'Read once.' }]);
    const again = ['again', run.runId, 'b1', '--step', '2', '--json'];
    expectError(await cli(again, { env }), 2, 'not_confirmed');
    expectError(await cli(['again', run.runId, 'b1', '--step', '9', '--yes', '--json'], { env }), 3, 'not_found');
    const result = await cli([...again, '--yes'], { env });
    expect([result.code, result.stderr]).toEqual([0, expect.stringContaining('Run r-')]);
    const after = runShape.parse(result.json());
    expect(after.runId).not.toBe(run.runId);
    expect(after.branches).toMatchObject([{ steps: 2, attempts: 1, text: 'Read anew.' }]);
    expect(api.requests).toHaveLength(3);
    expect(runShape.parse((await cli(['status', run.runId, '--json'], { env })).json())).toEqual(run);
  });

  it('ends with 4 where the API can’t be reached', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const env = { ANTHROPIC_BASE_URL: `http://127.0.0.1:${port}`, ANTHROPIC_API_KEY: key };
    const result = await cli([...fork, '--yes', '--json'], { env });
    expect(result.code).toBe(4);
    expect(runShape.parse(result.json()).branches).toMatchObject([
      { state: 'failed', error: { code: 'unreachable' }, attempts: 5 },
    ]);
    expect(result.stderr).toContain('Asking again');
  });

  it('prints its events as they come', async () => {
    const { env } = await withApi(['Done.']);
    const result = await cli([...fork, '--yes', '--events'], { env });
    const types = result.lines().map(({ type }) => type as string);
    expect([types[0], types.at(-1)]).toEqual(['run-started', 'run-ended']);
    expect(types).toContain('text-delta');
  });

  const hanging = { content: 'something more', endAfter: 1, ending: 'hang' as const };
  /** Starts a fork that hangs, and does something once the API has its requests. */
  async function interrupted(
    count: number,
    then: (context: { kill: (signal: NodeJS.Signals) => void; runId: string }) => void | Promise<void>,
    script: ReplyScript = () => hanging,
  ) {
    const { api, env } = await withApi(script);
    let seen = false;
    const args = count === 1 ? [...fork, '--yes', '--json'] : [...fork, ...two, '--yes', '--json'];
    const doing: Promise<void>[] = [];
    const result = await cli(args, {
      env,
      onStderr(all, kill) {
        const runId = /Run (r-\S+)\n/.exec(all)?.[1];
        if (runId === undefined || seen) return;
        seen = true;
        doing.push(
          (async () => {
            const last = await api.received(count);
            while (last.chunkTimes.length < 3) await new Promise((resolve) => setImmediate(resolve));
            await then({ kill, runId });
          })(),
        );
      },
    });
    await Promise.all(doing);
    return { api, env, result };
  }

  it('is cancelled by SIGINT, and keeps what came', async () => {
    const { api, result } = await interrupted(2, ({ kill }) => kill('SIGINT'));
    expect(result.code).toBe(130);
    const run = runShape.parse(result.json());
    expect(run.state).toBe('cancelled');
    expect(run.branches).toMatchObject([
      { state: 'cancelled', text: 'somet', billing: 'unknown' },
      { state: 'cancelled', text: 'somet', billing: 'unknown' },
    ]);
    for (const request of api.requests) {
      await request.done;
      expect(request.closedByClient).toBe(true);
    }
  });

  it('is cancelled from another process, one branch or all', async () => {
    const { result } = await interrupted(2, async ({ runId }) => {
      const one = await cli(['cancel', runId, 'two', '--json']);
      expect(one.code).toBe(0);
      expect(runShape.parse(one.json()).branches.map((branch) => branch.state)).toEqual(['running', 'cancelled']);
      expect(runShape.parse((await cli(['cancel', runId, '--json'])).json()).state).toBe('cancelled');
    });
    expect(result.code).toBe(1);
    expect(runShape.parse(result.json()).state).toBe('cancelled');
  });

  it('takes one more branch and other limits from another process', async () => {
    const script: ReplyScript = (request) => (promptOf(request).includes('One more') ? 'Added.' : hanging);
    const { env, result } = await interrupted(
      1,
      async ({ runId }) => {
        const key = { env: { ANTHROPIC_API_KEY: 'sk-ant-test' } };
        const unpaid = await cli(['add', runId, '--branch', 'name=late,prompt=One more', '--json'], key);
        expect(unpaid.code).toBe(2);
        const late = ['add', runId, '--branch', 'name=late,prompt=One more', '--yes', '--json'];
        const added = await cli(late, key);
        expect([added.code, added.stderr]).toEqual([0, expect.stringContaining(`Added b2 to run ${runId}`)]);
        expect((await cli(late, key)).stderr).toContain('The run has a branch called');
        expect((await cli(['limits', runId, '--json'])).code).toBe(2);
        expect((await cli(['limits', runId, '--budget-usd', '5', '--json'])).code).toBe(0);
        const done = async () => runShape.parse((await cli(['status', runId, '--json'])).json()).branches[1]?.state;
        await expect.poll(done, { timeout: 20_000 }).toBe('completed');
        await cli(['cancel', runId, '--json']);
      },
      script,
    );
    expect(env).toBeDefined();
    const run = runShape.parse(result.json());
    expect(run.branches.map(({ name, state: end }) => [name, end])).toContainEqual(['late', 'completed']);
  });

  it('killed in mid-run, is shown as interrupted, and resume runs only what is missing', async () => {
    let stuck = true;
    const script: ReplyScript = (request) => (promptOf(request).includes('again') && stuck ? hanging : 'Fine.');
    let id = '';
    const { api, env } = await interrupted(
      2,
      async ({ kill, runId }) => {
        id = runId;
        await expect
          .poll(async () => (await cli(['status', runId, '--json'])).json().branches[0].state)
          .toBe('completed');
        kill('SIGKILL');
      },
      script,
    );
    const left = (await cli(['status', id, '--json'])).json();
    expect(left).toMatchObject({ state: 'failed', interrupted: true });
    expect(left.branches[1]).toMatchObject({
      state: 'failed',
      error: { code: 'interrupted' },
      billing: 'unknown',
      text: 'somet',
    });
    stuck = false;
    const resumed = await cli(['resume', id, '--yes', '--json'], { env });
    expect(resumed.code).toBe(0);
    expect(runShape.parse(resumed.json()).branches.map((branch) => branch.text)).toEqual(['Fine.', 'Fine.']);
    expect(api.requests).toHaveLength(3);
  });
});

describe('Temporal', () => {
  it('is named where it does not run, and never replaced in silence', async () => {
    // Nobody listens on port 1.
    const address = '127.0.0.1:1';
    const status = await cli(['temporal', 'status', '--address', address, '--json']);
    expect(status.code).toBe(0);
    expect(status.json()).toMatchObject({ server: { state: 'stopped', address, managed: false }, workers: [] });
    const args = ['fork', sample, '--turn', '4', '--demo', '--engine', 'temporal', '--address', address, '--json'];
    expect(expectError(await cli(args), 4, 'engine_unavailable').message).toContain(address);
    expect((await cli(['runs', '--json'])).json()).toEqual({ runs: [] });
  });
});
