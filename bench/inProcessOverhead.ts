import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createBlobStore } from '../src/adapters/blobs/createBlobStore.ts';
import { createCallGate } from '../src/adapters/limits/createCallGate.ts';
import { createRunStore } from '../src/adapters/runs/createRunStore.ts';
import { systemClock } from '../src/adapters/systemClock.ts';
import type { StoredReply } from '../src/core/api/storedReply.ts';
import type { ModelClient } from '../src/core/run/ports.ts';
import { createInProcessEngine } from '../src/orchestration/inProcess/createInProcessEngine.ts';
import { noAgents } from '../test/support/noAgents.ts';
import { storePlan } from '../test/support/storedPlan.ts';
import { median } from './measure.ts';

// What a run in this process costs beside the bare calls: the same calls side by side without an engine, measured in turn.
// Prints one line of JSON: medians in milliseconds.

const callMs = 50;
const rounds = 30;
const branches = 3;

const reply: StoredReply = {
  content: [{ type: 'text', text: 'Done.' }],
  model: 'claude-haiku-4-5',
  stopReason: 'end_turn',
  usage: { inputTokens: 10, outputTokens: 2, cacheReadTokens: 0, cacheWriteTokens: 0 },
  requestId: null,
};

const client: ModelClient = {
  stream: async (_request, _betas, { signal, onEvent }) => {
    await systemClock.sleep(callMs, signal);
    onEvent({ type: 'first-token' });
    onEvent({ type: 'text', text: 'Done.' });
    return reply;
  },
  listModels: () => Promise.resolve([]),
};

const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-bench-'));
const runs = createRunStore(path.join(home, 'runs'));
const blobs = createBlobStore(path.join(home, 'blobs'));
const gate = createCallGate({
  folder: path.join(home, 'limits'),
  host: '127.0.0.1',
  secrets: () => Promise.resolve(['a key']),
  callsPerModel: null,
  clock: systemClock,
  random: Math.random,
  log: console.error,
});
const engine = createInProcessEngine({
  runs,
  blobs,
  models: () => Promise.resolve(client),
  prices: { cost: () => null },
  clock: systemClock,
  gate,
  agents: noAgents,
});

async function bare(): Promise<void> {
  const options = { signal: new AbortController().signal, onEvent: () => undefined };
  const request = { model: 'claude-haiku-4-5', max_tokens: 100, messages: [] };
  await Promise.all(Array.from({ length: branches }, () => client.stream(request, [], options)));
}

/** From the dispatch of a stored plan to the moment at which a reader of the log knows of the end. */
async function ours(): Promise<number> {
  const plan = await storePlan(
    { runs, blobs },
    { engine: 'in-process', branches: Array.from({ length: branches }, (_, index) => ({ name: `b${index}` })) },
  );
  const started = performance.now();
  const stop = new AbortController();
  const ended = (async () => {
    for await (const event of runs.follow(plan.runId, stop.signal)) if (event.type === 'run-ended') return;
  })();
  await engine.start(plan);
  await ended;
  const took = performance.now() - started;
  stop.abort();
  return took;
}

const bareMs: number[] = [];
const ourMs: number[] = [];
for (let round = -3; round < rounds; round++) {
  const started = performance.now();
  await bare();
  const one = performance.now() - started;
  const other = await ours();
  if (round < 0) continue; // warming up
  bareMs.push(one);
  ourMs.push(other);
}
await engine.dispose();
await rm(home, { recursive: true, force: true });
console.log(JSON.stringify({ bareMs: median(bareMs), ourMs: median(ourMs) }));
