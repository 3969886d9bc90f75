import type { TranscriptEntry } from '../../../core/session/transcriptEntry.ts';
import type { SessionTree } from '../../../core/session/turnTree.ts';

/** Places of the records that a record is tied to: whatever makes two records belong together, both ways. */
class Ties {
  readonly #byUuid = new Map<string, number>();
  readonly #replies = new Map<string, number>();
  readonly #calls = new Map<string, number>();

  constructor(entries: readonly TranscriptEntry[]) {
    for (const [at, { uuid }] of entries.entries()) if (uuid !== null) this.#byUuid.set(uuid, at);
  }

  /** @param tell is given places of records that stand anywhere, of replies and calls only what came before */
  of({ parentUuid, facts }: TranscriptEntry, at: number, tell: (place: number) => void): void {
    const { logicalParent, sourceCall, messageId, toolUses, toolResults } = facts;
    for (const uuid of [parentUuid, logicalParent, sourceCall]) {
      const place = uuid === null ? undefined : this.#byUuid.get(uuid);
      if (place !== undefined) tell(place);
    }
    if (messageId !== null) tell(first(this.#replies, messageId, at));
    for (const { id } of toolUses) tell(first(this.#calls, id, at));
    for (const { id } of toolResults) tell(first(this.#calls, id, at));
    // It names a request by an id that stands in records which are not looked into here: any before it.
    if (facts.changedByHook !== null) tell(-1);
  }
}

function first(places: Map<string, number>, key: string, at: number): number {
  const known = places.get(key);
  if (known === undefined) places.set(key, at);
  return known ?? at;
}

/**
 * With how many of a transcript's records, from its beginning on, a session can be built in which a turn's prompt, its history
 * and its reply are those of the whole: so many that none of them is tied to a later one, and no later one to what stands
 * before the prompt.
 * @param entries all records of the transcript
 * @returns one number for each turn; -1 where there is none
 */
export function beginningsOf(
  { session, turnOf, prompts }: SessionTree,
  entries: readonly TranscriptEntry[],
): Int32Array {
  const places = new Map(entries.map((entry, at) => [entry, at]));
  const ends = new Map<string, number>();
  for (const [{ entry }, turn] of turnOf) {
    if (turn !== null) ends.set(turn.turnId, Math.max(ends.get(turn.turnId) ?? 0, (places.get(entry) ?? 0) + 1));
  }
  const ties = new Ties(entries);
  /** At each place: the latest record that one before it is tied to, the earliest that one from there on is tied to. */
  const latest = new Int32Array(entries.length + 1).fill(-1);
  const earliest = new Int32Array(entries.length + 1).fill(entries.length);
  for (const [at, entry] of entries.entries()) {
    latest[at + 1] = latest[at] as number;
    ties.of(entry, at, (place) => {
      latest[at + 1] = Math.max(latest[at + 1] as number, place);
      earliest[at] = Math.min(earliest[at] as number, place);
    });
  }
  for (let at = entries.length - 1; at >= 0; at -= 1)
    earliest[at] = Math.min(earliest[at] as number, earliest[at + 1] as number);
  return Int32Array.from(session.turns, ({ turnId }) => {
    const entry = prompts.get(turnId)?.entry;
    const prompt = entry === undefined ? undefined : places.get(entry);
    const end = ends.get(turnId);
    if (prompt === undefined || end === undefined) return -1;
    const standsAlone = (latest[end] ?? 0) < end && (earliest[end] ?? 0) >= prompt;
    return standsAlone ? end : -1;
  });
}
