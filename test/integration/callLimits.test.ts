import { cp } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { bundleCli, CliBench, type CliResult } from '../support/cli.ts';
import { type MessagesApi, type ReplyScript, startMessagesApi } from '../support/messagesApi.ts';

// Two processes of the command line, each with a run of its own, that know one another by our data folder only.

const root = path.resolve(import.meta.dirname, '../..');
const sample = '7d3c1f52-9a64-4c0e-8b1d-5e2f60a4c913';

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let bench: CliBench;
let api: MessagesApi;

beforeAll(async () => {
  bundle = await bundleCli();
});
afterAll(() => bundle.remove());
beforeEach(async () => {
  bench = await CliBench.make(bundle.script);
  await cp(path.join(root, 'demo/claude'), path.join(bench.home, 'claude'), { recursive: true });
});
afterEach(async () => {
  await api.close();
  await bench.remove();
});

interface RunningFork {
  ended: Promise<CliResult>;
  /** Resolves when the run's branch has begun. */
  begun: Promise<void>;
  kill: (signal: NodeJS.Signals) => void;
}

function fork(prompt: string, env: Record<string, string> = {}): RunningFork {
  const begun = Promise.withResolvers<void>();
  let end: RunningFork['kill'] = () => expect.unreachable('It has not begun.');
  const ended = bench.run(['fork', sample, '--turn', '4', '--prompt', prompt, '--yes', '--events'], {
    env: {
      CLAUDE_CONFIG_DIR: path.join(bench.home, 'claude'),
      ANTHROPIC_BASE_URL: api.baseUrl,
      ANTHROPIC_API_KEY: 'sk-ant-test',
      ...env,
    },
    onStdout: (text, kill) => {
      end = kill;
      if (text.includes('"branch-started"')) begun.resolve();
    },
  });
  return { ended, begun: begun.promise, kill: (signal) => end(signal) };
}

const start = async (script: ReplyScript): Promise<void> => {
  api = await startMessagesApi(script);
};

it('waits where another process was told to wait, and only with its key', async () => {
  await start((request) => (request.index === 0 ? { status: 429, headers: { 'retry-after': '5' } } : 'Yes.'));
  const first = fork('First?');
  const limited = await api.received(1);
  await limited.done;
  const second = fork('Second?');
  const otherKey = fork('Another key?', { ANTHROPIC_API_KEY: 'sk-ant-other' });
  const results = await Promise.all([first, second, otherKey].map(({ ended }) => ended));
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
  const waitedMs = (prompt: string): number => {
    const request = api.requests.slice(1).find(({ rawBody }) => rawBody.includes(prompt));
    return (request?.at ?? Number.NaN) - (limited.endedAt ?? Number.NaN);
  };
  expect(waitedMs('First?')).toBeGreaterThan(4_990);
  expect(waitedMs('Second?')).toBeGreaterThan(4_990);
  expect(waitedMs('Another key?')).toBeLessThan(4_990);
  expect(api.requests.length).toBe(4);
});

it('makes as many calls at once as all processes together may, and counts none of a dead one', async () => {
  await start((request) => (request.index === 0 ? { silent: 'hang' } : 'Yes.'));
  const env = { FORKPOINT_CALLS_PER_MODEL: '1' };
  const first = fork('First?', env);
  await api.received(1);
  const second = fork('Second?', env);
  await second.begun;
  // Time enough to ask, were it not held back.
  await delay(500);
  expect(api.requests.length).toBe(1);
  await first.begun;
  first.kill('SIGKILL');
  expect((await second.ended).code).toBe(0);
  expect(api.requests.length).toBe(2);
  await first.ended;
});
