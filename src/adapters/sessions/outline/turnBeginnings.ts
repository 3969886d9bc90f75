import type { ChainNode, MessageChain } from '../../../core/session/messageChain.ts';
import type { TranscriptEntry } from '../../../core/session/transcriptEntry.ts';
import type { SessionTree } from '../../../core/session/turnTree.ts';

/** Where in a transcript its records stand: the first one at 0. */
class Places {
  readonly #chain: MessageChain;
  /** By the record's order in the chain. */
  readonly #chained: Int32Array;
  /** By `uuid`, of records that are not in the chain: those of subagents. */
  readonly #others = new Map<string, number>();

  constructor(chain: MessageChain, entries: readonly TranscriptEntry[]) {
    this.#chain = chain;
    this.#chained = new Int32Array(chain.nodes.length);
    let order = 0;
    for (const [at, entry] of entries.entries()) {
      if (chain.nodes[order]?.entry === entry) {
        this.#chained[order] = at;
        order += 1;
      } else if (entry.uuid !== null) this.#others.set(entry.uuid, at);
    }
  }

  of({ order }: ChainNode): number {
    return this.#chained[order] as number;
  }

  /** @param likely the record that it mostly is, which spares the search */
  ofUuid(uuid: string, likely: ChainNode | null): number | undefined {
    const node = likely?.entry.uuid === uuid ? likely : this.#chain.byUuid.get(uuid);
    return node === undefined ? this.#others.get(uuid) : this.#chained[node.order];
  }
}

/** Places of the records that a record is tied to: whatever makes two records belong together, both ways. */
class Ties {
  readonly #places: Places;
  readonly #replies = new Map<string, number>();
  readonly #calls = new Map<string, number>();

  constructor(places: Places) {
    this.#places = places;
  }

  /**
   * @param parent what the record continues in the chain, null where nothing or where it is not in the chain
   * @param tell is given places of records that stand anywhere, of replies and calls only what came before
   */
  of(
    { parentUuid, facts }: TranscriptEntry,
    parent: ChainNode | null,
    at: number,
    tell: (place: number | undefined) => void,
  ): void {
    const { logicalParent, sourceCall, messageId, toolUses, toolResults } = facts;
    if (parentUuid !== null) tell(this.#places.ofUuid(parentUuid, parent));
    if (logicalParent !== null) tell(this.#places.ofUuid(logicalParent, parent));
    if (sourceCall !== null && sourceCall !== parentUuid) tell(this.#places.ofUuid(sourceCall, null));
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
  { session, chain, turnOf, prompts }: Pick<SessionTree, 'session' | 'chain' | 'turnOf' | 'prompts'>,
  entries: readonly TranscriptEntry[],
): Int32Array {
  const places = new Places(chain, entries);
  const ends = new Int32Array(session.turns.length);
  for (const node of chain.nodes) {
    const turn = turnOf.get(node)?.index ?? 0;
    // In file order, so the last one counts.
    if (turn > 0) ends[turn - 1] = places.of(node) + 1;
  }
  const ties = new Ties(places);
  /** At each place: the latest record that one before it is tied to, the earliest that one from there on is tied to. */
  const latest = new Int32Array(entries.length + 1).fill(-1);
  const earliest = new Int32Array(entries.length + 1).fill(entries.length);
  let order = 0;
  for (const [at, entry] of entries.entries()) {
    const node = chain.nodes[order]?.entry === entry ? chain.nodes[order] : undefined;
    if (node !== undefined) order += 1;
    let [after, before] = [latest[at] as number, entries.length];
    ties.of(entry, node?.parent ?? null, at, (place) => {
      if (place === undefined) return;
      after = Math.max(after, place);
      before = Math.min(before, place);
    });
    latest[at + 1] = after;
    earliest[at] = before;
  }
  for (let at = entries.length - 1; at >= 0; at -= 1)
    earliest[at] = Math.min(earliest[at] as number, earliest[at + 1] as number);
  return Int32Array.from(session.turns, ({ turnId, index }) => {
    const prompt = prompts.get(turnId);
    const end = ends[index - 1] ?? 0;
    if (prompt === undefined || end === 0) return -1;
    const standsAlone = (latest[end] ?? 0) < end && (earliest[end] ?? 0) >= places.of(prompt);
    return standsAlone ? end : -1;
  });
}
