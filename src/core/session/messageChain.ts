import type { ParseProblem } from './recordedSession.ts';
import { recordField, type TranscriptEntry, textField, textListField } from './transcriptEntry.ts';

/** A chained record with its resolved parent. */
export interface ChainNode {
  entry: TranscriptEntry & { uuid: string };
  /** What it continues, across compaction boundaries too; null for a beginning. */
  parent: ChainNode | null;
  /** Position among the chained records in file order. */
  order: number;
}

/** The records of one conversation, linked. */
export interface MessageChain {
  /** In file order. */
  nodes: ChainNode[];
  byUuid: Map<string, ChainNode>;
  problems: ParseProblem[];
}

/** Kind of a record that marks where the history before it was replaced by a summary. */
export function isCompactBoundary(entry: TranscriptEntry): boolean {
  return entry.type === 'system' && entry.record.subtype === 'compact_boundary';
}

/** Messages that a compaction kept word for word, and the message behind which they stand now. */
export function preservedBy(boundary: TranscriptEntry): { anchor: string | null; uuids: string[] } {
  const preserved = recordField(recordField(boundary.record, 'compactMetadata'), 'preservedMessages');
  return { anchor: textField(preserved, 'anchorUuid'), uuids: textListField(preserved, 'uuids') };
}

function hasUuid(entry: TranscriptEntry): entry is ChainNode['entry'] {
  return entry.uuid !== null;
}

function descendsFrom(node: ChainNode, ancestor: ChainNode): boolean {
  for (let at: ChainNode | null = node; at !== null; at = at.parent) if (at === ancestor) return true;
  return false;
}

/**
 * Links records by `parentUuid`. Where a parent is missing or is its own descendant, file order takes its place and
 * a problem says so.
 * @param entries of one conversation in file order (the main one, or one subagent's)
 */
export function linkChain(entries: readonly TranscriptEntry[]): MessageChain {
  const nodes: ChainNode[] = entries.filter(hasUuid).map((entry, order) => ({ entry, parent: null, order }));
  const byUuid = new Map(nodes.map((node) => [node.entry.uuid, node]));
  const problems: ParseProblem[] = [];
  const forward: { node: ChainNode; parent: ChainNode }[] = [];
  for (const node of nodes) {
    const named = node.entry.parentUuid ?? textField(node.entry.record, 'logicalParentUuid');
    if (named === null) continue;
    const parent = byUuid.get(named);
    if (parent !== undefined && parent.order > node.order) {
      forward.push({ node, parent });
      continue;
    }
    if (parent !== undefined && parent !== node) {
      node.parent = parent;
      continue;
    }
    node.parent = nodes[node.order - 1] ?? null;
    const why = parent === node ? 'is itself' : 'is not in the file';
    const kind = parent === node ? 'parent_cycle' : 'missing_parent';
    problems.push({
      line: node.entry.line,
      kind,
      detail: `Message ${named} that this one answers ${why}; file order is used.`,
    });
  }
  // Links to earlier records can't close a cycle. One to a later record can, so these come last and each is checked.
  for (const { node, parent } of forward) {
    if (!descendsFrom(parent, node)) {
      node.parent = parent;
      continue;
    }
    const before = nodes[node.order - 1];
    node.parent = before !== undefined && !descendsFrom(before, node) ? before : null;
    problems.push({
      line: node.entry.line,
      kind: 'parent_cycle',
      detail: 'The message is its own ancestor; file order is used.',
    });
  }
  return { nodes, byUuid, problems };
}

/** The node and its ancestors, oldest first. */
export function pathTo(node: ChainNode | null): ChainNode[] {
  const path: ChainNode[] = [];
  for (let at = node; at !== null; at = at.parent) path.push(at);
  return path.reverse();
}

/**
 * Leaf that resuming the session would continue: the newest record, unless Claude Code wrote down after it that the
 * person went back (`last-prompt` with `explicit`). Null where there is none, or where they went back to the beginning.
 */
export function activeLeaf(entries: readonly TranscriptEntry[], chain: MessageChain): ChainNode | null {
  for (let at = entries.length - 1; at >= 0; at -= 1) {
    const entry = entries[at];
    if (entry === undefined) continue;
    if (entry.type === 'last-prompt' && entry.record.explicit === true)
      return chain.byUuid.get(textField(entry.record, 'leafUuid') ?? '') ?? null;
    const node = entry.uuid === null ? undefined : chain.byUuid.get(entry.uuid);
    if (node !== undefined) return node;
  }
  return null;
}
