import { firstOf, plural } from '../format.ts';
import { groupBy } from '../groupBy.ts';
import type { ChainNode } from '../session/messageChain.ts';
import type { TurnOutline } from '../session/recordedSession.ts';
import type { SessionTree } from '../session/turnTree.ts';
import type { Cut } from './resolveForkPoint.ts';

/** The turn that a cut lies in and those before it. */
function turnsOf(cut: Cut, { turns }: SessionTree): Set<TurnOutline> {
  const line = new Set<TurnOutline>();
  let at: TurnOutline | null = cut.turn;
  for (; at !== null; at = at.parentTurnId === null ? null : (turns.get(at.parentTurnId) ?? null)) line.add(at);
  return line;
}

/**
 * What the turns of a history hold, but not on the way that leads to the cut: they show it, and it isn't sent.
 * @param nodes the records of the history @param boundary the compaction that it begins with, null for none
 * @returns in words, nothing where all is on the way
 */
export function passedBy(
  tree: SessionTree,
  cut: Cut,
  nodes: readonly ChainNode[],
  boundary: ChainNode | null,
): string[] {
  const turns = turnsOf(cut, tree);
  const kept = new Set(nodes);
  const passed = tree.chain.nodes.slice((boundary?.order ?? -1) + 1, cut.upTo.order + 1).filter((node) => {
    const { type, facts } = node.entry;
    const isSaid = facts.absorbed !== null || (type === 'assistant' && facts.model !== '<synthetic>');
    const turn = isSaid && !kept.has(node) ? tree.turnOf.get(node) : null;
    return turn != null && turns.has(turn);
  });
  const messages = groupBy(passed, ({ entry }) => entry.facts.messageId ?? entry.uuid);
  if (messages.size === 0) return [];
  const lines = [...messages.values()].flatMap(([first]) => first?.entry.line ?? []);
  return [`${plural(messages.size, 'message')} that the recording went on without (line ${firstOf(lines, 5)})`];
}
