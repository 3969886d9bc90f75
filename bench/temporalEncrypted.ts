import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startMessagesApi } from '../test/support/messagesApi.ts';
import { startTestServer } from '../test/support/temporal.ts';
import { measurePairs } from './pairs.ts';
import { TemporalSide } from './temporalSide.ts';

// What it costs that payloads are encrypted and the run lies in a store that workers of other machines reach: the same run on the same
// server with both and with neither.

const callMs = 50;
const counts = (process.env.COUNTS ?? '3,10,100').split(',').map(Number);
const rounds = Number(process.env.ROUNDS ?? 16);

const api = await startMessagesApi(() => ({ content: 'Done.', before: callMs, deltas: 1 }));
const [server, folder] = await Promise.all([startTestServer(), mkdtemp(path.join(tmpdir(), 'forkpoint-bench-'))]);
const encryption = { key: randomBytes(32).toString('base64') };
const plain = await TemporalSide.make(server, { baseUrl: api.baseUrl, concurrency: 100 });
const sealed = await TemporalSide.make(server, {
  baseUrl: api.baseUrl,
  concurrency: 100,
  store: path.join(folder, 'store'),
  encryption,
});
try {
  const sides = [await plain.measured(server), await sealed.measured(server)] as const;
  const rows = [];
  for (const count of counts) {
    const [without, both] = await measurePairs(sides, count, { rounds: count > 50 ? rounds / 2 : rounds });
    rows.push({ count, callMs, without, with: both });
  }
  // One line of JSON: milliseconds; of processors as in temporalOverhead.ts.
  console.log(JSON.stringify(rows));
} finally {
  await Promise.all([plain.remove(), sealed.remove()]);
  await server.stop();
  await api.close();
  await rm(folder, { recursive: true, force: true });
}
