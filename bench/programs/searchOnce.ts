// Searches once in a process that has searched before. Arguments: the config folder, what to search for.
import { createReadingSearch } from '../../src/adapters/reader/createReadingSearch.ts';
import { createReadingStore } from '../../src/adapters/reader/createReadingStore.ts';

const [claudeDir = '', text = ''] = process.argv.slice(2);
const sessions = createReadingSearch(createReadingStore({ claudeDirs: [claudeDir] }));

async function hits(): Promise<number> {
  let count = 0;
  for await (const batch of sessions.search({ text })) count += batch.hits.length;
  return count;
}

await hits();
const started = performance.now();
const found = await hits();
console.log(JSON.stringify({ callMs: performance.now() - started, hits: found }));
process.exit();
