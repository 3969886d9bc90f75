import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { forkRequestSchema } from '../../src/core/fork/forkRequest.ts';
import { type RunId, sessionIdSchema } from '../../src/core/ids.ts';
import type { ScheduleView } from '../../src/core/useCases/schedules.ts';
import { scheduleIdOf } from '../../src/orchestration/temporal/schedules/scheduleIds.ts';
import { createTemporalSchedules } from '../../src/orchestration/temporal/schedules/temporalSchedules.ts';
import { readWorkerRecords } from '../../src/orchestration/temporal/workerRecords.ts';
import { createServices, type Services, type ServicesOptions } from '../../src/services.ts';
import { bundleCli, CliBench, type CliResult } from '../support/cli.ts';
import { untilView } from '../support/forkStage.ts';
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
let session: WrittenSession;
/** On the data folder of the command line: each call of that takes a second. */
let services: Services;
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
  session = await writeSession(claudeDir(), work(), [`Say ${mark}.`, 'Again.']);
  services = await servicesOn({ home: path.join(bench.home, 'data') });
});
afterAll(async () => {
  await services?.dispose();
  await connection?.close();
  if (bench) await killWorkers(path.join(bench.home, 'data'));
  await bench?.remove();
  await bundle?.remove();
  await api?.close();
  await server?.stop();
});

const claudeDir = () => path.join(bench.home, '.claude');
const work = () => path.join(bench.home, 'work');

async function servicesOn(options: ServicesOptions & { home: string }): Promise<Services> {
  return createServices({
    claudeDirs: [claudeDir()],
    apiKey: async () => 'sk-ant-test',
    baseUrl: api.baseUrl,
    // The same as the command line's, or each would replace the other's worker.
    env: { PATH: process.env.PATH, HOME: bench.home, ...apiEnv() },
    temporal: { address: server.address, workerScript: await builtWorker() },
    ...options,
  });
}

const apiEnv = () => ({ ANTHROPIC_API_KEY: 'sk-ant-test', ANTHROPIC_BASE_URL: api.baseUrl });

function cli(...args: string[]): Promise<CliResult> {
  return bench.run([...args, '--json'], { env: { ...apiEnv(), TEMPORAL_ADDRESS: server.address } });
}

async function schedule(...args: string[]): Promise<ScheduleView[]> {
  const { code, stdout, stderr, json } = await cli('schedule', ...args);
  expect(`${code} ${stdout} ${stderr}`).toMatch(/^0 /);
  return json().schedules;
}

async function forkFile(keys: Record<string, unknown> = {}): Promise<string> {
  const file = path.join(work(), 'a.fork.yaml');
  await writeFile(file, JSON.stringify({ ...fork(), ...keys }));
  return file;
}

function fork() {
  const branches = [{ name: 'terse', prompt: `Only ${mark}.`, system: { append: `Be ${mark}.` } }, { name: 'other' }];
  return { session: session.sessionId, at: { turn: 2 }, executor: 'api', branches };
}

/** Fires a schedule, and waits until the firing is over. */
async function fire(name: string, { schedules } = services): Promise<NonNullable<ScheduleView['last']>> {
  const fired = await schedules.trigger(name, { waitMs: 20_000 });
  expect(fired.last?.runs.length).toBe(fired.sessions.length);
  return over(name, schedules);
}

async function over(name: string, schedules = services.schedules): Promise<NonNullable<ScheduleView['last']>> {
  const found = async () => (await schedules.list()).find((one) => one.name === name);
  // What the next run is compared with is known once the firing itself has ended.
  await expect.poll(async () => (await found())?.isUnderWay, { timeout: 20_000 }).toBe(false);
  return (await found())!.last!;
}

it('fires a fork, compares each run with the one before, and keeps words from the server', async () => {
  const file = await forkFile({ budgetUsd: 2 });
  const [made] = await schedule('create', '--file', file, '--cron', '0  3 * * *', '--name', 'nightly', '--yes');
  expect(made).toMatchObject({ name: 'nightly', cron: '0 3 * * *', paused: false, last: null });
  expect(new Date(made?.next ?? '').getMinutes()).toBe(0);

  const before = (await fire('nightly')).runId;
  expect(await services.forks.run(before!)).toMatchObject({
    state: 'completed',
    engine: 'temporal',
    budgetUsd: 2,
    schedule: { name: 'nightly', previous: null, changes: null },
  });
  expect(api.requests).toHaveLength(2);
  // The session grows; the fork stays where it was cut.
  await session.add('More.');
  answer = 'Good day to you.';
  const [triggered] = await schedule('trigger', 'nightly');
  const runId = triggered!.last!.runId!;
  await over('nightly');
  const { schedule: by, point } = (await cli('status', runId)).json();
  const branches = [{ name: 'terse', checks: [], files: null }, { name: 'other' }];
  expect(by).toMatchObject({ name: 'nightly', previous: before, changes: { previous: before, branches } });
  expect(by.changes.branches[0].similarity).toBeLessThan(1);
  expect(point.turnIndex).toBe(2);
  const { previous } = (await cli('compare', runId)).json();
  expect(previous.pairs[0].textDiff).toContain('+Good day to you.');
  const changes = { previous: before };
  expect((await schedule('list'))[0]?.last).toMatchObject({ runId, state: 'completed', runs: [{ runId, changes }] });
  expect(await services.runs.list()).toEqual([runId, before]);

  const text = historyText(await everythingOnServer());
  expect(text).toContain(runId);
  expect(text).not.toContain(mark);
  expect(text).not.toContain(bench.home);
});

/** Each workflow with its history, and each schedule. */
async function everythingOnServer(): Promise<unknown[]> {
  const client = new Client({ connection });
  const raw: unknown[] = [];
  for await (const { workflowId } of client.workflow.list()) {
    const handle = client.workflow.getHandle(workflowId);
    raw.push(await handle.fetchHistory(), (await handle.describe()).raw);
  }
  const { schedules } = await client.workflowService.listSchedules({ namespace: 'default' });
  for (const { scheduleId } of schedules) {
    raw.push(await client.workflowService.describeSchedule({ namespace: 'default', scheduleId: scheduleId! }));
  }
  return [...raw, schedules];
}

it('pauses, resumes and deletes, and never runs two at once', async () => {
  expect((await schedule('pause', 'nightly'))[0]).toMatchObject({ paused: true, next: null });
  expect((await schedule('resume', 'nightly'))[0]).toMatchObject({ paused: false, next: expect.any(String) });
  const go = Promise.withResolvers<void>();
  held = go.promise;
  const under = await services.schedules.trigger('nightly', { waitMs: 20_000 });
  const { code, json } = await cli('schedule', 'trigger', 'nightly');
  expect([code, json().error.message]).toEqual([2, 'The last run of nightly is still under way.']);
  // One that the clock fires is left out.
  const id = scheduleIdOf(services.temporal.taskQueue, 'nightly');
  await new Client({ connection }).schedule.getHandle(id).trigger('SKIP');
  await expect.poll(async () => (await services.schedules.list())[0]?.skipped, { timeout: 20_000 }).toBe(1);
  const runId = under.last!.runId!;
  await services.forks.cancel(runId);
  await untilView(services, runId, ({ state }) => state === 'cancelled');
  go.resolve();
  held = null;
  expect((await over('nightly')).state).toBe('cancelled');
  const deleted = await cli('schedule', 'delete', 'nightly');
  expect([deleted.code, deleted.json()]).toEqual([0, { deleted: 'nightly', schedules: [] }]);
  expect(await services.runs.list()).toContain(runId);
});

it('says in words what is wrong', async () => {
  const create = ['schedule', 'create', '--cron', '0 3 * * *', '--name', 'twice', '--file', await forkFile()];
  const unconfirmed = await cli(...create);
  expect(unconfirmed.code).toBe(2);
  expect(unconfirmed.json().error.message).toMatch(/This costs money: 2 requests .*, each time it fires/);
  expect((await cli(...create, '--yes')).code).toBe(0);
  const refusals: [string[], number, unknown][] = [
    [[...create, '--yes'], 2, { path: 'name' }],
    [[...create, '--yes', '--cron', '0 25 * * *'], 2, { path: 'cron' }],
    [['schedule', 'pause', 'nobody'], 3, null],
    [['schedule', 'list', '--address', '127.0.0.1:9'], 4, { address: '127.0.0.1:9' }],
  ];
  for (const [args, expected, details] of refusals) {
    const { code, json } = await cli(...args);
    expect([args, code, json().error.details]).toEqual([args, expected, details]);
    expect(json().error.hint).not.toBe('');
  }
  await forkFile({ engine: 'in-process' });
  expect((await cli(...create, '--yes')).json().error.details).toEqual({ path: 'engine' });
  await forkFile({ executor: 'claude-code', permissions: 'bypass' });
  expect((await cli(...create, '--yes')).json().error.details).toEqual({ path: 'permissions' });
  await services.schedules.delete('twice');
});

it('replays several sessions, kept ones that Claude Code deleted too; one that is gone fails in words', async () => {
  const kept = await writeSession(claudeDir(), work(), ['One.', 'Two.']);
  const gone = await writeSession(claudeDir(), work(), ['One.', 'Two.']);
  const sessions = [session.sessionId, kept.sessionId, gone.sessionId];
  const options = ['--model', 'claude-haiku-4-5', '--from', '2', '--executor', 'api', '--cron', '@weekly', '--yes'];
  const [made] = await schedule('create', '--replay', ...sessions, '--name', 'weekly', ...options);
  expect(made?.sessions).toEqual(sessions);
  await services.archive.keep(kept.file);
  for (const { file } of [kept, gone]) await rm(file);
  const { runs, state } = await fire('weekly');
  expect(state).toBe('failed');
  const views = await Promise.all(runs.map(({ runId }) => services.forks.run(runId)));
  const bad = views[2];
  expect(views.map((view) => view.state)).toEqual(['completed', 'completed', 'failed']);
  expect(bad?.kind).toBe('replay');
  expect(bad?.session.sessionId).toBe(gone.sessionId);
  expect(bad?.branches[0]?.error).toMatchObject({ code: 'not_found', message: expect.stringContaining(gone.file) });
  expect(historyText(await everythingOnServer())).not.toContain(gone.file);

  // Without its snapshot there is no run at all, and the schedule says why.
  await rm(path.join(bench.home, 'data', 'blobs'), { recursive: true });
  await services.schedules.trigger('weekly');
  const failed = async () => (await services.schedules.list())[0]?.last;
  await expect.poll(failed, { timeout: 20_000 }).toMatchObject({
    state: 'failed',
    runId: null,
    error: { code: 'storage', message: expect.stringMatching(/A part of the run is gone/) },
  });
  await services.schedules.delete('weekly');
});

it('sends a run again as it was, with encrypted payloads', async () => {
  const home = path.join(bench.home, 'secret');
  const key = randomBytes(32).toString('base64');
  const secret = await servicesOn({ home, encryption: async () => ({ key, keyId: 'test-key' }) });
  try {
    const { runId } = await secret.forks.dispatch(forkRequestSchema.parse({ ...fork(), engine: 'in-process' }));
    const asked = (await untilView(secret, runId, ({ state }) => state === 'completed')).branches;
    await secret.schedules.create({ name: 'again', cron: '0 3 * * 1', items: [{ kind: 'run', runId }] });
    const ids: (RunId | null)[] = [];
    for (const _time of [1, 2]) {
      const last = await fire('again', secret);
      expect(last).toMatchObject({ state: 'completed', error: null });
      ids.push(last.runId);
    }
    const { branches, schedule: by } = await secret.forks.run(ids[1]!);
    expect(branches.map(({ name, state }) => [name, state])).toEqual(asked.map(({ name }) => [name, 'completed']));
    expect(by).toMatchObject({ previous: ids[0], changes: { branches: [{ similarity: 1 }, { similarity: 1 }] } });
    const { schedules } = await connection.workflowService.listSchedules({ namespace: 'default' });
    const own = schedules.filter(({ scheduleId }) => scheduleId?.endsWith('/again'));
    const encodings = own.flatMap(({ memo }) =>
      Object.values(memo?.fields ?? {}).map(({ metadata }) => Buffer.from(metadata?.['encoding'] ?? '').toString()),
    );
    expect([...new Set(encodings)]).toEqual(['binary/encrypted']);
  } finally {
    await secret.schedules.delete('again');
    await secret.dispose();
    await killWorkers(home);
  }
});

it('keeps its worker as long as a schedule is active', async () => {
  const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-schedules-'));
  const settings = server.settings({ home, workerIdleMs: 500 });
  const blobs = createBlobStore(path.join(home, 'blobs'));
  const engine = createTemporalSchedules({ settings, blobs });
  try {
    const sessions = [sessionIdSchema.parse('s')];
    await engine.create({ name: 'yearly', cron: '@yearly', timezone: 'UTC', order: await blobs.put({}), sessions });
    expect(await engine.ensureWorker()).toBe(true);
    // It looks every second.
    await delay(2_500);
    expect(await readWorkerRecords({ home })).toHaveLength(1);
    await engine.pause('yearly', true);
    await expect.poll(() => readWorkerRecords({ home }), { timeout: 20_000 }).toEqual([]);
  } finally {
    await engine.dispose();
    await killWorkers(home);
    await rm(home, { recursive: true, force: true });
  }
});
