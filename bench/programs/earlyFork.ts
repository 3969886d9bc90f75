// Rebuilds the request before one turn of a session that is open, as the fork panel does when the cut is moved there.
// Arguments: path of the transcript, number of the turn.
import { createReadingStore } from '../../src/adapters/reader/createReadingStore.ts';

const [file = '', turn = ''] = process.argv.slice(2);
const open = await createReadingStore().open(file);
await open.forkAt({ turn: Number(turn) + 1 });
const started = performance.now();
const { rebuilt } = await open.forkAt({ turn: Number(turn) });
console.log(JSON.stringify({ callMs: performance.now() - started, messages: rebuilt.request.messages.length }));
process.exit();
