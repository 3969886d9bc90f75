import type { TurnId } from '../ids.ts';
import { isCompactBoundary } from './compaction.ts';
import type { ChainNode, MessageChain } from './messageChain.ts';
import type { SessionBranch, TurnOutline } from './recordedSession.ts';
import { holdsMessage } from './transcriptEntry.ts';

/**
 * The turns behind a compaction boundary: they are no longer sent. Where leaves disagree about a turn that they share, the
 * last of them counts. One pass over the records, children before parents: a walk up from each leaf would take minutes in a
 * long session with many rewinds.
 * @param promptAt place in the list of turns of each record that is a turn's prompt, by order; -1 for the others
 * @returns 1 at the place of each such turn
 */
export function compactedTurns(
  { nodes }: MessageChain,
  leaves: readonly ChainNode[],
  promptAt: (node: ChainNode) => number,
  turns: number,
): Uint8Array {
  const compacted = new Uint8Array(turns);
  const children = new Uint32Array(nodes.length);
  for (const { parent } of nodes) if (parent !== null) children[parent.order] = (children[parent.order] ?? 0) + 1;
  /** Place of the leaf that counts among the leaves below or at a record, and whether a boundary lies between the two. */
  const leafOf = new Int32Array(nodes.length).fill(-1);
  const crossed = new Uint8Array(nodes.length);
  for (const [at, leaf] of leaves.entries()) leafOf[leaf.order] = at;
  const ready = nodes.filter(({ order }) => children[order] === 0);
  for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
    const { entry, order, parent } = node;
    const leaf = leafOf[order] ?? -1;
    const turn = promptAt(node);
    if (leaf >= 0 && turn >= 0) compacted[turn] = crossed[order] ?? 0;
    if (parent === null) continue;
    if (leaf > (leafOf[parent.order] ?? -1)) {
      leafOf[parent.order] = leaf;
      crossed[parent.order] = crossed[order] === 1 || isCompactBoundary(entry) ? 1 : 0;
    }
    children[parent.order] = (children[parent.order] ?? 0) - 1;
    if (children[parent.order] === 0) ready.push(parent);
  }
  return compacted;
}

/** The turn and those before it, oldest first; of an abandoned branch only those that the active one does not have. */
function lineOfTurns(turn: TurnOutline, turns: ReadonlyMap<TurnId, TurnOutline>): TurnOutline[] {
  const line: TurnOutline[] = [];
  const abandoned = !turn.active;
  for (let at: TurnOutline | null = turn; at !== null; ) {
    if (abandoned && at.active) break;
    line.push(at);
    at = at.parentTurnId === null ? null : (turns.get(at.parentTurnId) ?? null);
  }
  return line.reverse();
}

/** The last message at or above a record: what a person would call the place. */
function messageAtOrAbove(node: ChainNode | null): string | null {
  for (let at = node; at !== null; at = at.parent) if (holdsMessage(at.entry)) return at.entry.uuid;
  return null;
}

/**
 * The lines of development, each by its last turn.
 * @param turns with their prompts and records, by id
 * @param activeTurn the one that resuming the session would continue
 */
export function branchesOf(
  turns: ReadonlyMap<TurnId, TurnOutline>,
  promptOf: (turn: TurnOutline) => ChainNode | undefined,
  nodesOf: (turn: TurnOutline) => readonly ChainNode[],
  activeTurn: TurnOutline | null,
): SessionBranch[] {
  const all = [...turns.values()];
  const parents = new Set(all.map((turn) => turn.parentTurnId));
  const ends = all.filter((turn) => !parents.has(turn.turnId) || turn === activeTurn);
  return ends.map((end): SessionBranch => {
    const leaf = nodesOf(end).findLast((node) => holdsMessage(node.entry));
    const own = lineOfTurns(end, turns);
    const isActive = end === activeTurn;
    const first = own[0];
    const split = isActive || first === undefined ? null : (promptOf(first)?.parent ?? null);
    return {
      leafUuid: leaf?.entry.uuid ?? end.turnId,
      splitUuid: messageAtOrAbove(split),
      turns: own.map((turn) => turn.turnId),
      active: isActive,
    };
  });
}
