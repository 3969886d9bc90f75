import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import { workflowIdOf } from '../../src/orchestration/temporal/workflowIdOf.ts';
import { startMessagesApi } from './messagesApi.ts';
import { storePlan } from './storedPlan.ts';
import { startTestServer, testEngine } from './temporal.ts';

// Records the history of a run that meets all that a workflow has to decide: several steps, a leader and a follower, a
// retry, a failed and a cancelled branch. Old histories stay in the folder: workflows of every release must replay.
// Run it for a new release: node --experimental-transform-types test/support/recordTemporalHistory.ts NAME

const name = process.argv[2];
if (name === undefined || !/^[\w.-]+$/.test(name)) throw new Error('Name the history, for example 0.1.0.');

const server = await startTestServer();
const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-history-'));
const runs = createRunStore(path.join(home, 'runs'));
const blobs = createBlobStore(path.join(home, 'blobs'));
let calls = 0;
const api = await startMessagesApi((request) => {
  const prompt = request.body.messages[0].content[0].text;
  if (prompt === 'refused') return { status: 400 };
  if (prompt === 'stuck') return { content: 'something', endAfter: 1, ending: 'hang' };
  if (prompt === 'leader' && request.body.messages.length === 1) {
    calls += 1;
    if (calls === 1) return { status: 529, headers: { 'retry-after-ms': '1' } };
    return { content: [{ type: 'tool_use', name: 'Read', input: { file_path: '/a' } }] };
  }
  return 'Done.';
});
const engine = testEngine({ runs, settings: server.settings({ home, baseUrl: api.baseUrl }) });
try {
  const plan = await storePlan(
    { runs, blobs },
    {
      engine: 'temporal',
      runId: 'r-history',
      createdAt: '2026-11-20T10:15:00.000Z',
      branches: [
        { name: 'leader', cacheGroup: 'prefix' },
        { name: 'follower', cacheGroup: 'prefix' },
        { name: 'refused' },
        { name: 'stuck' },
      ],
      turns: [
        {
          turn: 1,
          prompt: null,
          calls: [{ name: 'Read', input: { file_path: '/a' }, result: { content: 'text of a', isError: false } }],
        },
      ],
    },
  );
  await engine.start(plan);
  const stop = new AbortController();
  let ended = 0;
  for await (const event of runs.follow(plan.runId, stop.signal)) {
    if (event.type === 'branch-ended' && ++ended === 3) await engine.cancel(plan.runId, plan.branches[3]?.branchId);
    if (event.type === 'run-ended') stop.abort();
  }
  const connection = await Connection.connect({ address: server.address });
  const handle = new Client({ connection }).workflow.getHandle(workflowIdOf(plan.runId));
  await handle.result();
  const history = historyToJSON(await handle.fetchHistory());
  await connection.close();
  const folder = path.resolve(import.meta.dirname, '../fixtures/temporal');
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, `${name}.history.json`), `${withoutMachine(history)}\n`);
} finally {
  await engine.dispose();
  await api.close();
  await server.stop();
  await rm(home, { recursive: true, force: true });
}

/** The history as one line an event, without what tells of this machine. */
function withoutMachine(history: string): string {
  const { events } = JSON.parse(history, (key, value: unknown) => {
    if (key === 'identity') return 'worker@test';
    if (key === 'stackTrace') return '';
    return value;
  }) as { events: unknown[] };
  return `{"events":[\n${events.map((event) => JSON.stringify(event)).join(',\n')}\n]}`;
}
