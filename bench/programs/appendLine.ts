// Opens a session, appends a line to its file and opens it again, several times. Arguments: path of the transcript (a copy),
// how often. Prints the median of the times of opening again, and the time of the first opening.
import { appendFileSync } from 'node:fs';
import { createReadingStore } from '../../src/adapters/reader/createReadingStore.ts';
import { median } from '../measure.ts';

const [file = '', times = '1'] = process.argv.slice(2);
const sessions = createReadingStore();
const began = performance.now();
const before = (await sessions.open(file)).session;
const firstMs = performance.now() - began;
const parentUuid = before.branches.find(({ active }) => active)?.leafUuid ?? null;
const again: number[] = [];
for (let turn = 0; turn < Number(times); turn += 1) {
  const uuid = `00000000-0000-4000-8000-${String(turn).padStart(12, '0')}`;
  const message = { role: 'user', content: `Appended ${turn}` };
  const place = { timestamp: '2026-11-01T00:00:00.000Z', cwd: '/home/sam', sessionId: before.summary.sessionId };
  const line = { parentUuid, isSidechain: false, type: 'user', message, uuid, ...place, version: '2.1.329' };
  appendFileSync(file, `${JSON.stringify(line)}\n`);
  const started = performance.now();
  const { turns } = (await sessions.open(file)).session;
  again.push(performance.now() - started);
  if (turns.length !== before.turns.length + turn + 1) throw new Error(`There are ${turns.length} turns.`);
}
console.log(JSON.stringify({ callMs: median(again), firstMs }));
process.exit();
