// Counts the turns of every session twice: as the list counts them, and by parsing each file as a whole.
// Argument: the config folder. Prints [[sessionId, { listed, parsed }], …].
import { readFile } from 'node:fs/promises';
import { createReadingStore } from '../../src/adapters/reader/createReadingStore.ts';
import { parseTranscript } from '../../src/core/session/parseTranscript.ts';
import { buildSession } from '../../src/core/session/turnTree.ts';

const counts = new Map<string, { listed: number; parsed: number }>();
for (const { sessionId, file, turns } of await createReadingStore({ claudeDirs: [process.argv[2] ?? ''] }).list()) {
  const content = await readFile(file);
  const place = { sessionId, file, bytes: content.length, customTitle: null, subagents: [] };
  const { session } = buildSession(parseTranscript(content), place);
  counts.set(sessionId, { listed: turns, parsed: session.turns.length });
}
console.log(JSON.stringify([...counts]));
process.exit();
