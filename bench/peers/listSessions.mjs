// The peer for listing: the Agent SDK's own listing over all projects, once and once again. Argument: the SDK's entry point.
import { pathToFileURL } from 'node:url';

const { listSessions } = await import(pathToFileURL(process.argv[2]).href);
const again = process.argv[3] === 'again';
if (again) await listSessions({});
const started = performance.now();
const { length } = await listSessions({});
console.log(JSON.stringify({ callMs: performance.now() - started, length }));
