import { isCompactBoundary, preservedUuids } from './compaction.ts';
import type { ChainNode } from './messageChain.ts';
import { holdsMessage, type TranscriptEntry } from './transcriptEntry.ts';

/** A turn is hardly ever longer: a damaged or hostile file must not cost its length for each of its records. */
const longestWalk = 20_000;
/** System records that begin something of their own, and never report on what is over. */
const beginning: ReadonlySet<string> = new Set(['compact_boundary', 'microcompact_boundary']);

/**
 * Says which record another one follows where its parent isn't that one. Claude Code hangs some records elsewhere than it sends
 * them: retries that it notes when the turn is over, and what comes behind a compaction. Depends on what stands before a record
 * only, so that a session that grows comes out as one that is read whole.
 */
export class FollowedRecords {
  readonly #entries: readonly TranscriptEntry[];
  readonly #nodes: readonly ChainNode[];
  readonly #byUuid: ReadonlyMap<string, ChainNode>;
  /** Of each record the newest one that hangs on it; made when first needed. */
  #newestChild: Map<ChainNode, ChainNode> | null = null;
  /** The compaction that came last, and the one before it. */
  #boundary: ChainNode | null = null;
  #boundaryBefore: ChainNode | null = null;
  #hasReplySince = false;
  /** Records that a compaction has kept, with the last one that did. */
  readonly #preserved = new Map<ChainNode, ChainNode>();

  /** @param entries of which the chain is made @param nodes all of the chain, in file order */
  constructor(
    entries: readonly TranscriptEntry[],
    nodes: readonly ChainNode[],
    byUuid: ReadonlyMap<string, ChainNode>,
  ) {
    this.#entries = entries;
    this.#nodes = nodes;
    this.#byUuid = byUuid;
  }

  /** @param named the record before it in the file that it names as its parent; all records before it are linked */
  of(node: ChainNode, named: ChainNode): ChainNode {
    if (isCompactBoundary(node.entry)) return named;
    if (this.#isLate(node, named)) return this.#leafBelow(named, node);
    const last = this.#boundary;
    // Versions hang the next prompt on the boundary itself, beside its summary.
    if (named === last) return this.#beginningBehind(last, node);
    if (last === null || named.order > last.order) return named;
    const keeping = this.#preserved.get(named);
    if (keeping !== undefined) return this.#beginningBehind(keeping, node);
    return this.#isStale(node, named) ? this.#leafBelow(last, node) : named;
  }

  /** Takes note of a record once it is linked; in file order. */
  linked(node: ChainNode): void {
    const { entry, parent } = node;
    if (parent !== null) this.#newestChild?.set(parent, node);
    if (entry.type === 'assistant') this.#hasReplySince = true;
    if (!isCompactBoundary(entry)) return;
    this.#boundaryBefore = this.#boundary;
    this.#boundary = node;
    this.#hasReplySince = false;
    for (const kept of this.#keptBy(node)) this.#preserved.set(kept, node);
  }

  /**
   * Versions 2.1.121 to 2.1.150 note a turn's retries when it is over, with the parents and times that they had, and the next
   * prompt hangs on them. What hooks and commands in the background say comes late, too.
   */
  #isLate({ entry, order }: ChainNode, named: ChainNode): boolean {
    const { facts, timestamp } = entry;
    if (holdsMessage(entry) || beginning.has(facts.subtype ?? '') || named.order === order - 1) return false;
    const next = this.#children().get(named);
    if (next === undefined || next.order >= order) return false;
    const isRetry = facts.subtype === 'api_error';
    if (timestamp === null) return isRetry;
    const at = Date.parse(next.entry.timestamp ?? '');
    return at > Date.parse(timestamp) || (isRetry && at === Date.parse(timestamp));
  }

  /**
   * Behind the second compaction of a process the next record hangs on one from before the first. A person who goes back that
   * far is noted.
   */
  #isStale(node: ChainNode, named: ChainNode): boolean {
    const [last, before] = [this.#boundary, this.#boundaryBefore];
    if (last === null || before === null || this.#hasReplySince || named.order >= before.order) return false;
    const [from, until] = [last.entry.line, node.entry.line];
    return !this.#entries.some(
      (entry) =>
        entry.line > from && entry.line < until && entry.type === 'last-prompt' && entry.record.explicit === true,
    );
  }

  *#keptBy(boundary: ChainNode): Generator<ChainNode> {
    const { uuids, head, tail } = preservedUuids(boundary.entry);
    for (const uuid of uuids) {
      const node = this.#byUuid.get(uuid);
      if (node !== undefined && node.order < boundary.order) yield node;
    }
    if (uuids.length === 0 && (head === null || tail === null)) return;
    // What Claude Code noted behind the last message that it kept goes with it.
    if (boundary.parent !== null) yield boundary.parent;
    const first = this.#byUuid.get(head ?? '');
    let at = this.#byUuid.get(tail ?? '') ?? null;
    if (first === undefined) return;
    for (; at !== null && at.order >= first.order && at.order < boundary.order; at = at.parent) yield at;
  }

  /** What comes behind a compaction hangs on its summary. */
  #beginningBehind(boundary: ChainNode, node: ChainNode): ChainNode {
    const anchor = this.#byUuid.get(preservedUuids(boundary.entry).anchor ?? '');
    if (anchor !== undefined && anchor.order > boundary.order && anchor.order < node.order) return anchor;
    const summary = this.#nodes[boundary.order + 1];
    return summary !== undefined && summary.order < node.order && summary.parent === boundary ? summary : boundary;
  }

  /** Where the newest way on from a record ends before another one. Results of parallel calls are ways of their own. */
  #leafBelow(from: ChainNode, before: ChainNode): ChainNode {
    let steps = 0;
    for (let order = before.order - 1; order > from.order; order -= 1) {
      const leaf = this.#nodes[order];
      let at: ChainNode | null = leaf ?? null;
      for (; at !== null && at.order > from.order && steps < longestWalk; steps += 1) at = at.parent;
      if (leaf !== undefined && at === from) return leaf;
    }
    return from;
  }

  #children(): Map<ChainNode, ChainNode> {
    if (this.#newestChild !== null) return this.#newestChild;
    this.#newestChild = new Map();
    for (const node of this.#nodes) if (node.parent !== null) this.#newestChild.set(node.parent, node);
    return this.#newestChild;
  }
}

/**
 * Whether a record may follow another one than it names.
 * @param isBehindParent whether it stands right behind the record that it names
 * @param isBeforeCompaction whether that one is the last compaction, or stands before it
 */
export function mayFollowAnother(
  entry: TranscriptEntry,
  isBehindParent: boolean,
  isBeforeCompaction: boolean,
): boolean {
  return isBeforeCompaction || !(isBehindParent || holdsMessage(entry));
}
