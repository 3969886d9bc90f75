// The host's side of opening a fork panel in the middle of a session: reads it, finds the conversation, makes the first page of
// rows. Argument: path of the transcript.
import { createReadingStore } from '../../src/adapters/reader/createReadingStore.ts';
import { conversationOf, turnsOfRows, wireRows } from '../../src/views/forkPanel/conversation.ts';

const started = performance.now();
const open = await createReadingStore().open(process.argv[2] ?? '');
const { turns } = open.session;
const at = turns[Math.floor(turns.length / 2)];
if (at === undefined) throw new Error('The session has no turns.');
const conversation = conversationOf(open.session, at.turnId);
const first = conversation.rows.findIndex(({ turn }) => turn === at);
const contents = await open.turns(turnsOfRows(conversation, first, 40));
const rows = wireRows(conversation, new Map(contents.map((turn) => [turn.index, turn])), first, 40);
if (rows.length !== 40 || rows.some(({ text }) => text === '')) throw new Error('The rows have no text.');
console.log(JSON.stringify({ callMs: performance.now() - started, rows: conversation.rows.length }));
process.exit();
