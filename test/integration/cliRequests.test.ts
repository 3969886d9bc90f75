import { cp } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundleCli, CliBench, type CliOptions, type CliResult } from '../support/cli.ts';
import { startMessagesApi } from '../support/messagesApi.ts';
import { capturedReply, comparable, type Loose, openNumber } from '../support/openRecordings.ts';
import { type RecordedScenario, recordSessions } from '../support/recordSessions.ts';
import { refusingIllegal } from '../support/strictApi.ts';

const root = path.resolve(import.meta.dirname, '../..');
const sample = '7d3c1f52-9a64-4c0e-8b1d-5e2f60a4c913';

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let bench: CliBench;

beforeAll(async () => {
  bundle = await bundleCli();
});
afterAll(() => bundle.remove());
beforeEach(async () => {
  bench = await CliBench.make(bundle.script);
  await cp(path.join(root, 'demo/claude'), path.join(bench.home, 'claude'), { recursive: true });
});
afterEach(() => bench.remove());

const cli = (args: string[], options: CliOptions = {}): Promise<CliResult> =>
  bench.run(args, { ...options, env: { CLAUDE_CONFIG_DIR: path.join(bench.home, 'claude'), ...options.env } });

describe('what the command line says of a fork', () => {
  it('how much of its beginning equals a recorded request', async () => {
    const whole = (await cli(['request', sample, '--turn', '4', '--json'])).json();
    const { length } = whole.request.messages;
    expect(whole).toMatchObject({
      fidelity: 'exact',
      completed: [],
      prefix: {
        messages: { equal: length, total: length },
        system: true,
        tools: true,
        cacheCanHit: true,
        stopsAt: null,
      },
    });
    expect(whole.prefix.requestId).toEqual(expect.any(String));
    const messages = (await cli(['messages', sample])).lines();
    const last = messages.findLast(({ type }) => type === 'assistant').uuid as string;
    const behind = (await cli(['request', sample, '--after', last, '--json'])).json();
    const { equal, total } = behind.prefix.messages;
    expect([equal, total]).toEqual([behind.request.messages.length - 1, behind.request.messages.length]);
    expect(behind.prefix.stopsAt).toEqual({ message: equal, uuid: last, reason: 'the recorded request ends here' });
  });

  it('the same when it shows a turn, or all of them', async () => {
    const [turn] = (await cli(['inspect', sample, '--turn', '4', '--json'])).json().turns;
    expect(turn.fork).toMatchObject({ fidelity: 'exact', missing: [], prefix: { stopsAt: null } });
    expect(turn.fork).not.toHaveProperty('request');
    const all = (await cli(['inspect', sample, '--forks', '--json'])).json().turns as { fork: { fidelity: string } }[];
    expect(all.map(({ fork }) => fork.fidelity)).toEqual(['exact', 'exact', 'exact', 'exact', 'exact']);
    expect((await cli(['inspect', sample, '--json'])).json().turns[0]).not.toHaveProperty('fork');
    const { stdout } = await cli(['inspect', sample, '--turn', '4']);
    expect(stdout).toMatch(/Fork before turn 4: exact; all \d+ messages as recorded; the prompt cache can hit/);
  });

  it('what it would send, without sending it', async () => {
    const args = [
      'fork',
      sample,
      '--turn',
      '4',
      '--branch',
      'name=same',
      '--branch',
      'name=terse,system=Be terse.',
      '--dry-run',
    ];
    const env = { ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' };
    const text = await cli(args, { env });
    expect(text.stdout).toMatch(/^Fork before .*\n {2}same /);
    expect(text.stdout).toMatch(/\nIt would be 2 requests to 127\.0\.0\.1:9, .*\. Nothing was sent\.\n$/);
    expect(text.stderr).toBe('');
    const result = await cli([...args, '--json'], { env });
    expect(result.code).toBe(0);
    const { preview } = result.json();
    expect(preview).toMatchObject({ requests: 2, billed: true, fidelity: 'exact' });
    expect(preview.branches.map(({ prefix }: { prefix: Loose }) => prefix.stopsAt)).toEqual([
      null,
      { message: null, uuid: null, reason: 'another system prompt, chosen by the branch' },
    ]);
    expect(result.stderr).toContain('another system prompt, chosen by the branch; the prompt cache can’t hit');
    expect((await cli(['runs', '--json'])).json()).toEqual({ runs: [] });
  });

  it('that the API would refuse it, before anything is sent', async () => {
    const api = await startMessagesApi(() => 'Never asked.');
    const env = { ANTHROPIC_BASE_URL: api.baseUrl, ANTHROPIC_API_KEY: 'sk-ant-test' };
    const result = await cli(['fork', sample, '--turn', '4', '--prompt', '  ', '--yes', '--json'], { env });
    await api.close();
    expect(result.code).toBe(2);
    expect(result.json().error).toMatchObject({ code: 'bad_input', hint: expect.stringContaining('prompt') });
    expect(api.requests).toEqual([]);
  });
});

describe('a subagent', () => {
  let recorded: RecordedScenario;

  beforeAll(async () => {
    [recorded] = (await recordSessions('subagent')) as [RecordedScenario];
  }, 600_000);

  it('is rebuilt and forked like a session, by the path of its file', async () => {
    const [file] = recorded.subagents as [string];
    const { session } = await openNumber(recorded, 10);
    expect(session.subagents.map((agent) => agent.file)).toContain(file);
    const env = { CLAUDE_CONFIG_DIR: recorded.claudeDir };
    const [turn] = (await bench.run(['inspect', file, '--turn', '1', '--json'], { env })).json().turns;
    const rebuilt = (await bench.run(['request', file, '--turn', '1', '--json'], { env })).json();
    expect(rebuilt).toMatchObject({ fidelity: 'exact', point: { turnId: turn.turnId } });
    const sent = capturedReply(recorded, turn.replies[0].messageId).body as Loose;
    expect(comparable(rebuilt.request)).toBe(comparable(sent));
    const api = await startMessagesApi(refusingIllegal(() => 'Looked into it.'));
    try {
      const run = await bench.run(
        ['fork', file, '--turn', '1', '--tools', 'stop', '--branch', 'name=same', '--yes', '--json'],
        {
          env: { ...env, ANTHROPIC_BASE_URL: api.baseUrl, ANTHROPIC_API_KEY: 'sk-ant-test' },
        },
      );
      expect(run.json()).toMatchObject({
        state: 'completed',
        fidelity: 'exact',
        branches: [{ text: 'Looked into it.' }],
      });
      const { stream: _stream, ...body } = (await api.received(1)).body as Loose;
      expect(body).toEqual(rebuilt.request);
    } finally {
      await api.close();
    }
  });
});
