// Lists all sessions in a process that has listed them before, as a window does. Argument: the config folder.
import { createReadingStore } from '../../src/adapters/reader/createReadingStore.ts';

const sessions = createReadingStore({ claudeDirs: [process.argv[2] ?? ''] });
await sessions.list();
const started = performance.now();
const { length } = await sessions.list();
console.log(JSON.stringify({ callMs: performance.now() - started, length }));
process.exit();
