// Opens a session and rebuilds the request before one of its turns, in a process that has done so before. Arguments: path of the
// transcript, number of the turn.
import { createReadingStore } from '../../src/adapters/reader/createReadingStore.ts';

const [file = '', turn = ''] = process.argv.slice(2);

async function request(): Promise<number> {
  const { rebuilt } = await (await createReadingStore().open(file)).forkAt({ turn: Number(turn) });
  return rebuilt.request.messages.length;
}

await request();
const started = performance.now();
const messages = await request();
console.log(JSON.stringify({ callMs: performance.now() - started, messages }));
process.exit();
