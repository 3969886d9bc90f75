import { canonicalJson } from '../canonicalJson.ts';
import { groupBy } from '../groupBy.ts';
import type { ChainNode } from '../session/messageChain.ts';
import type { ContentBlock } from '../session/recordedSession.ts';
import { freeId } from './pairCalls.ts';

/** Ids by line of the call and recorded id. */
type IdsByLine = ReadonlyMap<string, string>;

function placeOf(uuid: string | null, id: unknown): string {
  return `${uuid} ${String(id)}`;
}

function saidIn({ entry }: ChainNode, id: string): string {
  return canonicalJson(entry.message?.content.filter((block) => block.type === 'tool_use' && block.id === id));
}

/** Where lines of one reply gave different calls one id, and results name their lines: the ids that tell those calls apart. */
export function ownCallIds(nodes: readonly ChainNode[]): IdsByLine {
  const calls = nodes.flatMap((node) => node.entry.facts.toolUses.map(({ id }) => ({ node, id })));
  const shared = [...groupBy(calls, ({ node, id }) => placeOf(node.entry.facts.messageId, id)).values()].filter(
    (same) => same.length > 1,
  );
  const own = new Map<string, string>();
  if (shared.length === 0) return own;
  const taken = new Set(calls.map(({ id }) => id));
  const answered = new Set(
    nodes.flatMap(({ entry: { facts } }) => facts.toolResults.map(({ id }) => placeOf(facts.sourceCall, id))),
  );
  for (const [first, ...others] of shared) {
    for (const { node, id } of others) {
      const place = placeOf(node.entry.uuid, id);
      if (first === undefined || !answered.has(place) || saidIn(first.node, id) === saidIn(node, id)) continue;
      const free = freeId(id, taken);
      taken.add(free);
      own.set(place, free);
    }
  }
  return own;
}

/** The content of a record, its calls and results under the ids that tell them apart. */
export function withOwnIds({ entry }: ChainNode, content: ContentBlock[], own: IdsByLine): ContentBlock[] {
  if (own.size === 0) return content;
  return content.map((block) => {
    const key = block.type === 'tool_use' ? 'id' : 'tool_use_id';
    const id = own.get(placeOf(block.type === 'tool_use' ? entry.uuid : entry.facts.sourceCall, block[key]));
    return id === undefined ? block : { ...block, [key]: id };
  });
}
