import type { SessionTree } from '../session/turnTree.ts';

/** Where messages and tool calls of a file stand, in the order asked for. */
export interface FoundPlaces {
  /** 1-based turn of each message, null where it stands under no prompt. */
  turns: (number | null)[];
  /** Name of the tool that each call asked for, null where the file doesn't hold the call. */
  tools: (string | null)[];
}

/** @param uuids of messages @param toolUseIds of tool calls */
export function hitPlaces(tree: SessionTree, uuids: readonly string[], toolUseIds: readonly string[]): FoundPlaces {
  const wanted = new Set(toolUseIds);
  const names = new Map<string, string>();
  if (wanted.size > 0) {
    for (const { entry } of tree.chain.nodes) {
      for (const { id, name } of entry.facts.toolUses) if (wanted.has(id)) names.set(id, name);
    }
  }
  return {
    turns: uuids.map((uuid) => {
      const node = tree.chain.byUuid.get(uuid);
      return (node === undefined ? tree.turnOfInline(uuid) : tree.turnOf.get(node))?.index ?? null;
    }),
    tools: toolUseIds.map((id) => names.get(id) ?? null),
  };
}
