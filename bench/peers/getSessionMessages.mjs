// The peer for opening: the Agent SDK's messages of one session. Arguments: path of the SDK's entry point, session id.
import { pathToFileURL } from 'node:url';

const { getSessionMessages } = await import(pathToFileURL(process.argv[2]).href);
console.log((await getSessionMessages(process.argv[3])).length);
