// Uses the sessions as the extension does and watches how long this thread can't answer meanwhile. Arguments: the config folder,
// path of a large transcript (a copy, it is appended to), a word to search for. Prints { list: { p99, max }, … } in milliseconds.
import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { forkRequestSchema } from '../../src/core/fork/forkRequest.ts';
import { createServices } from '../../src/services.ts';

const [claudeDir = '', file = '', word = ''] = process.argv.slice(2);
/** Finest interval at which the loop is looked at, in milliseconds; it is part of what is measured. */
const resolution = 1;

const stalls: Record<string, { p99: number; max: number; ms: number }> = {};
async function watched(name: string, action: () => Promise<unknown>): Promise<void> {
  const delays = monitorEventLoopDelay({ resolution });
  delays.enable();
  const started = performance.now();
  await action();
  const ms = performance.now() - started;
  // A stall at the very end is seen only when the timer fires the next time.
  await new Promise((resolve) => setTimeout(resolve, 2 * resolution));
  delays.disable();
  stalls[name] = { p99: delays.percentile(99) / 1e6 - resolution, max: delays.max / 1e6 - resolution, ms };
}

const log = (message: string, error: unknown) => console.error(message, error);
// As the extension has them: the reader's thread lies beside this program.
const { sessions, search, forks } = await createServices({
  claudeDirs: [claudeDir],
  reader: 'thread',
  provider: 'demo',
  log,
});
await watched('list', () => sessions.list());
await watched('list again', () => sessions.list());
await watched('open', async () => {
  const open = await sessions.open(file);
  await open.turns(open.session.turns.slice(0, 50).map(({ index }) => index));
});
await watched('append', () => {
  appendFileSync(file, '{"type":"mode","mode":"normal"}\n');
  return sessions.open(file);
});
const lastTurn = (await sessions.open(file)).session.turns.length;
const preview = (turn: number) =>
  forks.preview(forkRequestSchema.parse({ session: file, at: { turn }, branches: [{ name: 'as recorded' }] }));
await watched('fork, early', () => preview(2));
await watched('fork, late', () => preview(lastTurn - 1));
const searchAll = async () => {
  for await (const { complete } of search.search({ text: word })) if (complete) return;
};
await watched('search', searchAll);
await watched('index', async () => {
  for await (const { indexed, files } of search.updateIndex()) if (indexed === files) return;
});
await watched('search, indexed', searchAll);
console.log(JSON.stringify(stalls));
process.exit();
