// The peer for listing: the Agent SDK's own listing over all projects. Argument: path of the SDK's entry point.
import { pathToFileURL } from 'node:url';

const { listSessions } = await import(pathToFileURL(process.argv[2]).href);
console.log((await listSessions({})).length);
