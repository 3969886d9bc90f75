import { appendFileSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { createSessionStore } from '../../src/adapters/sessions/createSessionStore.ts';
import { OpenSessions } from '../../src/adapters/sessions/openSessions.ts';
import { TranscriptScan } from '../../src/adapters/sessions/transcriptScan.ts';
import { doWaiting } from '../../src/adapters/whenIdle.ts';
import type { OpenSession } from '../../src/core/fork/sessionStore.ts';
import type { RecordedSession, SessionSummary, TranscriptMessage } from '../../src/core/session/recordedSession.ts';
import { buildSession, type SessionTree } from '../../src/core/session/turnTree.ts';
import { anyDamage, damaged, type Edit } from './damage.ts';
import { MemoryOutlines } from './memoryOutlines.ts';
import { anyOddSession, anySession, anySharedSession, type RandomSession } from './randomSession.ts';
import { sha256, treeOf } from './transcript.ts';

const folder = mkdtempSync(join(tmpdir(), 'readings-'));
const project = join(folder, 'projects', '-work');
mkdirSync(project, { recursive: true });
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** A file as some session, damage and all, would have left it. */
const anyFile: fc.Arbitrary<{ bytes: Uint8Array; sessionId: string }> = fc.oneof(
  fc.oneof(anySession(), anySharedSession(), anyOddSession()),
  fc
    .oneof(anySession(), anyOddSession())
    .chain((session) => anyDamage(session.bytes).map((edits) => damagedFile(session, edits))),
);

function damagedFile({ bytes, sessionId }: RandomSession, edits: readonly Edit[]) {
  const file = { bytes: damaged(bytes, edits), sessionId };
  return { ...file, [fc.toStringMethod]: () => JSON.stringify(new TextDecoder().decode(file.bytes)) };
}

/** What must be the same however a file is read: by the quick way through the store, or whole in memory. */
export const readingProperties: Record<string, () => fc.IRawProperty<unknown[]>> = {
  'opening a file gives what parsing the whole of it gives': () =>
    fc.asyncProperty(anyFile, async ({ bytes, sessionId }) => {
      const file = write(sessionId, bytes);
      expectSame(await readingOf(await store().open(file)), wholeReading(bytes, sessionId));
    }),

  'the list says of a file what opening it says': () =>
    fc.asyncProperty(anyFile, async ({ bytes, sessionId }) => {
      const file = write(sessionId, bytes);
      const [listed] = await store().list();
      const { session } = await store().open(file);
      const holdsNothing = session.problems.length === 0 && session.summary.turns === 0;
      if (listed !== undefined || !holdsNothing) expectSame(listed, session.summary);
    }),

  'reading on where another process has stopped gives what reading it anew gives': () =>
    fc.asyncProperty(anyFile, fc.array(fc.nat(), { maxLength: 4 }), async ({ bytes, sessionId }, cuts) => {
      const outlines = new MemoryOutlines();
      const ends = [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
      for (const end of ends) {
        const file = write(sessionId, bytes.subarray(0, end));
        const scan = new TranscriptScan(file, { outlines });
        scan.update();
        scan.cache();
        const origin = { sessionId, file, bytes: end, customTitle: null, subagents: [] };
        const tree = buildSession(scan.transcript, origin);
        expectSame(treeReading(tree), wholeReading(bytes.subarray(0, end), sessionId));
      }
    }),

  'opening again what another process has understood gives what parsing the whole of it gives': () =>
    fc.asyncProperty(anyFile, async ({ bytes, sessionId }) => {
      const file = write(sessionId, bytes);
      const outlines = new MemoryOutlines();
      const whole = await new OpenSessions(sha256, outlines).open(file);
      doWaiting();
      const again = await new OpenSessions(sha256, outlines).open(file);
      for (const { index } of whole.session.turns) {
        const anew = await new OpenSessions(sha256, outlines).open(file);
        expectSame(await forkOf(anew, index), await forkOf(whole, index));
      }
      expectSame(await readingOf(again), wholeReading(bytes, sessionId));
    }),

  'reading on where a file has grown gives what reading it anew gives': () =>
    fc.asyncProperty(anyFile, fc.array(fc.nat(), { maxLength: 4 }), async ({ bytes, sessionId }, cuts) => {
      const ends = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
      const file = write(sessionId, bytes.subarray(0, ends[0] ?? 0));
      const growing = store();
      for (const [index, end] of ends.entries()) {
        await growing.list();
        await growing.open(file);
        appendFileSync(file, bytes.subarray(end, ends[index + 1] ?? bytes.length));
      }
      if (ends.length === 0) writeFileSync(file, bytes);
      expectSame(await readingOf(await growing.open(file)), wholeReading(bytes, sessionId));
      expectSame((await growing.list()).map(facts), (await store().list()).map(facts));
      // And back: what was cut off is gone.
      const half = Math.floor(bytes.length / 2);
      truncateSync(file, half);
      expectSame(await readingOf(await growing.open(file)), wholeReading(bytes.subarray(0, half), sessionId));
    }),
};

/** What a fork before a turn sends, or why there is none. */
export function forkOf(open: OpenSession, turn: number): Promise<unknown> {
  return open.forkAt({ turn }).catch((error: unknown) => String(error));
}

function store() {
  return createSessionStore({ claudeDirs: [folder], sha256 });
}

function write(sessionId: string, bytes: Uint8Array): string {
  const file = join(project, `${sessionId}.jsonl`);
  writeFileSync(file, bytes);
  return file;
}

/** A summary without what depends on where and when the file lies. */
function facts({ file: _file, modifiedAt: _modifiedAt, ...rest }: SessionSummary) {
  return rest;
}

/** Subagents whose records stand in the session's own file are where that lies. */
function agents({ subagents }: RecordedSession) {
  return subagents.map(({ file: _file, ...agent }) => agent);
}

async function readingOf(open: OpenSession) {
  const { summary, ...session } = open.session;
  const messages: TranscriptMessage[] = [];
  for await (const message of open.messages()) messages.push(message);
  return {
    summary: facts(summary),
    ...session,
    subagents: agents(open.session),
    whole: await open.turns(session.turns.map(({ index }) => index)),
    messages,
  };
}

function wholeReading(bytes: Uint8Array, sessionId: string) {
  return treeReading(treeOf(bytes, sessionId));
}

function treeReading(tree: SessionTree) {
  const { summary, ...session } = tree.session;
  return {
    summary: facts(summary),
    ...session,
    subagents: agents(tree.session),
    whole: session.turns.map((turn) => tree.wholeTurn(turn)),
    messages: [...tree.messages()],
  };
}

/** Compares as JSON: what crosses a thread is plain data. */
function expectSame(found: unknown, expected: unknown): void {
  const [a, b] = [found, expected].map((value) => JSON.stringify(value) ?? 'undefined') as [string, string];
  if (a === b) return;
  let at = 0;
  while (a[at] === b[at]) at += 1;
  const around = (text: string) => text.slice(Math.max(0, at - 300), at + 300);
  throw new Error(`They differ at ${at}.\nFound: …${around(a)}…\nExpected: …${around(b)}…`);
}
