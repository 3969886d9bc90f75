import fc from 'fast-check';
import { parseTranscript } from '../../src/core/session/parseTranscript.ts';
import { anyDamage, damaged, type Edit, undamagedLines } from './damage.ts';
import { anyOddSession, anySession, anySharedSession, type RandomSession } from './randomSession.ts';
import { treeOf } from './transcript.ts';

/** What must hold of every session and every damage. Seconds of these run in the unit tests, minutes in `npm run fuzz`. */
export const sessionProperties: Record<string, () => fc.IRawProperty<unknown[]>> = {
  'a valid session is read whole, without a problem but duplicates': () =>
    fc.property(fc.oneof(anySession(), anySharedSession()), ({ bytes, lines }) => {
      const { entries, problems } = parseTranscript(bytes);
      expectTo(
        problems.every(({ kind }) => kind === 'duplicate_uuid'),
        'no problem',
        problems,
      );
      const written = new Set<unknown>();
      const once = lines.filter(({ uuid }) => uuid === undefined || (!written.has(uuid) && written.add(uuid)));
      expectSame(
        entries.map(({ record }) => JSON.stringify(record)),
        once.map((line) => JSON.stringify(line)),
      );
    }),

  'damage never throws and never takes an undamaged record with it': () =>
    fc.property(damagedSession(), ({ session, edits }) => {
      const broken = damaged(session.bytes, edits);
      const { entries, problems } = parseTranscript(broken);
      const read = new Set(entries.map(({ record }) => JSON.stringify(record)));
      for (const line of undamagedLines(session.bytes, edits)) {
        const record = JSON.parse(line) as { uuid?: string };
        // Damage may have given another record this one's id and left it valid; that is reported.
        const twice = problems.some(
          ({ kind, detail }) => kind === 'duplicate_uuid' && detail.includes(record.uuid ?? '\0'),
        );
        expectTo(twice || read.has(JSON.stringify(record)), 'the record is there', line);
      }
      const { session: recorded } = treeOf(broken);
      expectSame(recorded.turns.length, recorded.summary.turns);
      expectTo(
        recorded.problems.every(({ line }) => line >= 1 && line <= lineCount(broken)),
        'line numbers',
        recorded.problems,
      );
    }),

  'in every encoding and with every line break, the same is read': () =>
    fc.property(anySession(), ({ bytes }) => {
      const text = new TextDecoder().decode(bytes);
      const little = Buffer.from(`\uFEFF${text}`, 'utf16le');
      const written = [
        Buffer.from(text.replaceAll('\n', '\r\n\r\n')),
        Buffer.from(`\uFEFF${text}`),
        little,
        Buffer.from(little).swap16(),
      ];
      const read = (file: Uint8Array) => parseTranscript(file).entries.map(({ record }) => JSON.stringify(record));
      for (const file of written) expectSame(read(new Uint8Array(file)), read(bytes));
    }),

  'odd records are understood as far as they go': () =>
    fc.property(anyOddSession(), ({ bytes, lines }) => {
      const { session } = treeOf(bytes);
      expectSame(session.turns.length, session.summary.turns);
      const uuids = new Set(lines.flatMap(({ uuid }) => (typeof uuid === 'string' ? uuid : [])));
      expectSame(new Set(parseTranscript(bytes).entries.flatMap(({ uuid }) => uuid ?? [])).size, uuids.size);
      expectTo(!('polluted' in {}), 'no polluted prototypes', null);
    }),

  'every message stands in a reading once': () =>
    fc.property(damagedSession(), ({ session, edits }) => {
      const uuids = parseTranscript(damaged(session.bytes, edits)).entries.flatMap(({ uuid }) => uuid ?? []);
      expectSame(uuids.length, new Set(uuids).size);
    }),

  'of every beginning of a file, the beginning is read': () =>
    fc.property(
      fc
        .oneof(anySession(), anySharedSession())
        .chain((session) => fc.record({ session: fc.constant(session), length: fc.nat(session.bytes.length) })),
      ({ session, length }) => {
        const whole = parseTranscript(session.bytes).entries.map(({ record }) => JSON.stringify(record));
        const { entries, problems } = parseTranscript(session.bytes.slice(0, length));
        expectSame(
          entries.map(({ record }) => JSON.stringify(record)),
          whole.slice(0, entries.length),
        );
        const kinds = problems.map(({ kind }) => kind).filter((kind) => kind !== 'duplicate_uuid');
        const torn =
          length > 0 &&
          session.bytes[length - 1] !== 10 &&
          session.bytes[length] !== 10 &&
          length < session.bytes.length;
        expectSame(kinds, torn ? ['torn_line'] : []);
      },
    ),
};

function damagedSession(): fc.Arbitrary<{ session: RandomSession; edits: Edit[] }> {
  return anySession().chain((session) =>
    anyDamage(session.bytes).map((edits) => ({ session, edits, [fc.toStringMethod]: () => described(session, edits) })),
  );
}

/** A find, short enough to read: the lines that were touched, before and after. */
function described({ bytes }: RandomSession, edits: readonly Edit[]): string {
  const text = new TextDecoder().decode(damaged(bytes, edits));
  const before = new Set(new TextDecoder().decode(bytes).split('\n'));
  const changed = text.split('\n').filter((line) => !before.has(line));
  return `${before.size} lines, of which these are new:\n${changed.map((line) => JSON.stringify(line)).join('\n')}`;
}

function lineCount(bytes: Uint8Array): number {
  return bytes.reduce((count, byte) => count + (byte === 10 ? 1 : 0), 1);
}

function expectTo(holds: boolean, what: string, found: unknown): void {
  if (!holds) throw new Error(`Expected: ${what}. Found: ${JSON.stringify(found)?.slice(0, 2000)}`);
}

function expectSame(found: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`Expected ${b?.slice(0, 2000)}\nFound ${a?.slice(0, 2000)}`);
}
