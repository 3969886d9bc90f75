// The peer for cutting: the Agent SDK's fork of a session up to a message, which it writes beside the source.
// Arguments: path of the SDK's entry point, session id, message uuid.
import { pathToFileURL } from 'node:url';

const { forkSession } = await import(pathToFileURL(process.argv[2]).href);
const started = performance.now();
const { sessionId } = await forkSession(process.argv[3], { upToMessageId: process.argv[4] });
console.log(JSON.stringify({ callMs: performance.now() - started, sessionId }));
