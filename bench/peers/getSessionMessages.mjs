// The peer for opening: the Agent SDK's messages of one session. Arguments: path of the SDK's entry point, session id, `again` to
// time a second call.
import { pathToFileURL } from 'node:url';

const { getSessionMessages } = await import(pathToFileURL(process.argv[2]).href);
if (process.argv[4] === 'again') await getSessionMessages(process.argv[3]);
const started = performance.now();
const { length } = await getSessionMessages(process.argv[3]);
console.log(JSON.stringify({ callMs: performance.now() - started, length }));
