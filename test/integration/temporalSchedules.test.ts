import { randomBytes } from 'node:crypto';
import { rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ScheduleView } from '../../src/core/useCases/schedules.ts';
import { bundleCli, CliBench, type CliResult } from '../support/cli.ts';
import { historyText } from '../support/historyText.ts';
import { type MessagesApi, startMessagesApi } from '../support/messagesApi.ts';
import { builtWorker, killWorkers, startTestServer, type TestServer } from '../support/temporal.ts';
import { type WrittenSession, writeSession } from '../support/writeSession.ts';

const mark = 'swordfish';

let server: TestServer;
let bundle: Awaited<ReturnType<typeof bundleCli>>;
let bench: CliBench;
let api: MessagesApi;
let connection: Connection;
let claudeDir: string;
let session: WrittenSession;
/** What the model says. */
let answer = 'Hello.';
/** Set while it is to say nothing yet. */
let held: Promise<void> | null = null;

beforeAll(async () => {
  [server, bundle] = await Promise.all([startTestServer(), bundleCli()]);
  bench = await CliBench.make(bundle.script);
  await symlink(await builtWorker(), path.join(path.dirname(bundle.script), 'worker.js'));
  api = await startMessagesApi(async () => {
    await held;
    return answer;
  });
  connection = await Connection.connect({ address: server.address });
  claudeDir = path.join(bench.home, '.claude');
  session = await writeSession(claudeDir, path.join(bench.home, 'work'), [`Say ${mark}.`, 'Again.']);
});
afterAll(async () => {
  await connection?.close();
  if (bench) await killWorkers(path.join(bench.home, 'data'));
  await bench?.remove();
  await bundle?.remove();
  await api?.close();
  await server?.stop();
});

function cli(...args: string[]): Promise<CliResult> {
  const env = { ANTHROPIC_API_KEY: 'sk-ant-test', ANTHROPIC_BASE_URL: api.baseUrl, TEMPORAL_ADDRESS: server.address };
  return bench.run([...args, '--json'], { env });
}

async function schedule(...args: string[]): Promise<ScheduleView[]> {
  const { code, stdout, stderr, json } = await cli('schedule', ...args);
  expect(`${code} ${stdout} ${stderr}`).toMatch(/^0 /);
  return json().schedules;
}

/** The file of a fork of a session. */
async function forkFile(name: string, keys: Record<string, unknown>): Promise<string> {
  const file = path.join(bench.home, 'work', name);
  await writeFile(file, JSON.stringify(keys));
  return file;
}

function fork(keys: Record<string, unknown> = {}): Record<string, unknown> {
  const branches = [{ name: 'terse', prompt: `Only ${mark}.`, system: { append: `Be ${mark}.` } }, { name: 'other' }];
  return { session: session.sessionId, at: { turn: 2 }, executor: 'api', branches, ...keys };
}

async function ended(runId: string | null | undefined) {
  const { json } = await cli('status', String(runId), '--wait');
  return json();
}

it('fires a fork, compares each run with the one before, and keeps words from the server', async () => {
  const file = await forkFile('nightly.fork.yaml', fork({ budgetUsd: 2 }));
  const [made] = await schedule('create', '--file', file, '--cron', '0  3 * * *', '--name', 'nightly', '--yes');
  expect(made).toMatchObject({ name: 'nightly', cron: '0 3 * * *', paused: false, last: null });
  expect(new Date(made?.next ?? '').getMinutes()).toBe(0);

  const [first] = await schedule('trigger', 'nightly');
  const before = await ended(first?.last?.runId);
  expect(before).toMatchObject({
    state: 'completed',
    engine: 'temporal',
    budgetUsd: 2,
    schedule: { name: 'nightly', previous: null, changes: null },
  });
  expect(api.requests).toHaveLength(2);
  // The session grows; the fork stays where it was cut.
  await session.add('More.');
  answer = 'Good day to you.';
  await expect.poll(async () => (await schedule('list'))[0]?.last?.state, { timeout: 20_000 }).toBe('completed');
  const [second] = await schedule('trigger', 'nightly');
  const runId = second?.last?.runId ?? '';
  await ended(runId);
  const compared = async () => (await ended(runId)).schedule;
  await expect.poll(compared, { timeout: 20_000 }).toMatchObject({
    name: 'nightly',
    previous: before.runId,
    changes: { previous: before.runId, branches: [{ name: 'terse', checks: [], files: null }, { name: 'other' }] },
  });
  expect((await compared()).changes.branches[0].similarity).toBeLessThan(1);
  const { previous } = (await cli('compare', runId)).json();
  expect(previous.pairs[0].textDiff).toContain('+Good day to you.');
  expect((await schedule('list'))[0]?.last).toMatchObject({
    runId,
    state: 'completed',
    runs: [{ runId, changes: { previous: before.runId } }],
  });
  expect((await cli('runs')).json().runs.map((run: { runId: string }) => run.runId)).toEqual([runId, before.runId]);

  const client = new Client({ connection });
  const raw = [];
  for await (const { workflowId } of client.workflow.list()) {
    const handle = client.workflow.getHandle(workflowId);
    raw.push(await handle.fetchHistory(), (await handle.describe()).raw);
  }
  for await (const { scheduleId } of client.schedule.list()) {
    raw.push((await client.schedule.getHandle(scheduleId).describe()).raw);
  }
  const text = historyText(raw);
  expect(text).toContain(runId);
  expect(text).not.toContain(mark);
  expect(text).not.toContain(bench.home);
});

it('pauses, resumes and deletes, and never runs two at once', async () => {
  expect((await schedule('pause', 'nightly'))[0]).toMatchObject({ paused: true, next: null });
  expect((await schedule('list'))[0]).toMatchObject({ paused: true });
  expect((await schedule('resume', 'nightly'))[0]).toMatchObject({ paused: false, next: expect.any(String) });
  const go = Promise.withResolvers<void>();
  held = go.promise;
  const [under] = await schedule('trigger', 'nightly');
  const { code, json } = await cli('schedule', 'trigger', 'nightly');
  expect(code).toBe(2);
  expect(json().error.message).toMatch(/still under way/);
  const cancelled = (await cli('cancel', under?.last?.runId ?? '')).json();
  expect(cancelled.state).toBe('cancelled');
  go.resolve();
  held = null;
  await expect.poll(async () => (await schedule('list'))[0]?.last?.state, { timeout: 20_000 }).toBe('cancelled');
  const { code: deleted, json: left } = await cli('schedule', 'delete', 'nightly');
  expect(deleted).toBe(0);
  expect(left()).toEqual({ deleted: 'nightly', schedules: [] });
  expect((await cli('runs')).json().runs).toHaveLength(3);
});

it('says in words what is wrong', async () => {
  const file = await forkFile('plain.fork.yaml', fork());
  const good = ['schedule', 'create', '--file', file, '--cron', '0 3 * * *', '--yes'];
  const refusals: [string[], number, unknown][] = [
    [[...good, '--cron', '0 25 * * *'], 2, { path: 'cron' }],
    [[...good, '--name', 'a b'], 2, { path: 'name' }],
    [[...good, '--timezone', 'Mars/Olympus'], 2, { path: 'timezone' }],
    [[...good, '--engine', 'in-process'], 2, { path: 'engine' }],
    [[...good, '--executor', 'claude-code', '--permissions', 'bypass'], 2, { path: 'permissions' }],
    [['schedule', 'create', '--cron', '0 3 * * *', '--yes'], 2, { path: 'file' }],
    [['schedule', 'create', '--replay', 'nobody', '--cron', '0 3 * * *', '--yes'], 3, expect.anything()],
    [['schedule', 'pause', 'nobody'], 3, null],
    [['schedule', 'trigger', 'nobody'], 3, null],
    [[...good, '--address', '127.0.0.1:9'], 4, expect.anything()],
  ];
  for (const [args, expected, details] of refusals) {
    const { code, json } = await cli(...args);
    const { error } = json();
    expect([args, code, error.details]).toEqual([args, expected, details]);
    expect(error.hint).not.toBe('');
  }
  const inProcess = await forkFile('here.fork.yaml', fork({ engine: 'in-process' }));
  expect(
    (await cli('schedule', 'create', '--file', inProcess, '--cron', '0 3 * * *', '--yes')).json().error,
  ).toMatchObject({ code: 'bad_input', details: { path: 'engine' } });
  const unconfirmed = await cli(...good.slice(0, -1));
  expect(unconfirmed.code).toBe(2);
  expect(unconfirmed.json().error.message).toMatch(/This costs money: 2 requests .*, each time it fires/);
  expect((await cli(...good, '--name', 'twice')).code).toBe(0);
  const { code, json } = await cli(...good, '--name', 'twice');
  expect([code, json().error.details]).toEqual([2, { path: 'name' }]);
  expect((await schedule('list')).map(({ name }) => name)).toEqual(['twice']);
});

it('replays several sessions, and a session that is gone fails in words', async () => {
  answer = 'Hello.';
  const gone = await writeSession(claudeDir, path.join(bench.home, 'work'), ['One.', 'Two.']);
  const sessions = [session.sessionId, gone.sessionId];
  const replay = ['--replay', ...sessions, '--model', 'claude-haiku-4-5', '--from', '2', '--cron', '@weekly'];
  const [made] = await schedule('create', ...replay, '--name', 'weekly', '--executor', 'api', '--yes');
  expect(made?.sessions).toEqual(sessions);
  await rm(gone.file);
  const [fired] = await schedule('trigger', 'weekly');
  const runs = await Promise.all((fired?.last?.runs ?? []).map(({ runId }) => ended(runId)));
  expect(runs.map(({ state, kind }) => [kind, state])).toEqual([
    ['replay', 'completed'],
    ['replay', 'failed'],
  ]);
  expect(runs[1].branches[0].error).toMatchObject({ code: 'not_found', message: expect.stringContaining(gone.file) });
  expect(runs[1].session.sessionId).toBe(gone.sessionId);
  const last = async () => (await schedule('list')).find(({ name }) => name === 'weekly')?.last;
  await expect.poll(last, { timeout: 20_000 }).toMatchObject({ state: 'failed', runId: runs[0].runId });
});

it('fires with encrypted payloads', async () => {
  const env = {
    ANTHROPIC_API_KEY: 'sk-ant-test',
    ANTHROPIC_BASE_URL: api.baseUrl,
    TEMPORAL_ADDRESS: server.address,
    FORKPOINT_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    FORKPOINT_HOME: path.join(bench.home, 'secret'),
  };
  const file = await forkFile('secret.fork.yaml', fork());
  const run = (...args: string[]) => bench.run([...args, '--json'], { env });
  try {
    await run('schedule', 'create', '--file', file, '--cron', '0 3 * * *', '--name', 'secret', '--yes');
    for (const previous of [false, true]) {
      const { last } = (await run('schedule', 'trigger', 'secret')).json().schedules[0];
      const { state, schedule: by } = (await run('status', last.runId, '--wait')).json();
      expect([state, by.previous !== null]).toEqual(['completed', previous]);
      const settled = async () => (await run('schedule', 'list')).json().schedules[0].last.state;
      await expect.poll(settled, { timeout: 20_000 }).toBe('completed');
    }
    for await (const { scheduleId, memo } of new Client({ connection }).schedule.list()) {
      if (scheduleId.endsWith('/secret')) expect.unreachable(`A client without the key read ${JSON.stringify(memo)}`);
    }
  } catch (error) {
    // The list above ends with what the SDK says of a payload that it can't decode.
    expect(String(error)).toMatch(/encrypted/);
  } finally {
    await killWorkers(path.join(bench.home, 'secret'));
  }
});
