// Opens a session: the list of its turns, and 50 turns with everything they hold. Argument: path of the transcript.
import module from 'node:module';
import path from 'node:path';

// As the command line does.
module.enableCompileCache?.(path.join(process.env['FORKPOINT_HOME'] ?? '', 'cache', 'compiled'));
const { createReadingStore } = await import('../../src/adapters/reader/createReadingStore.ts');

const started = performance.now();
const open = await createReadingStore().open(process.argv[2] ?? '');
const { turns } = open.session;
const from = Math.floor(turns.length / 2);
const whole = await open.turns(turns.slice(from, from + 50).map(({ index }) => index));
console.log(JSON.stringify({ callMs: performance.now() - started, turns: turns.length, whole: whole.length }));
process.exit();
