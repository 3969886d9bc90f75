import type { BranchChain } from '../../agent/agentSettings.ts';
import type { Json } from '../../canonicalJson.ts';
import { ForkPointError } from '../../errors.ts';
import { isCompactBoundary } from '../../session/compaction.ts';
import { type JsonRecord, recordField, textField, textListField } from '../../session/jsonRecord.ts';
import { type ChainNode, pathTo } from '../../session/messageChain.ts';
import { promptText } from '../../session/promptRules.ts';
import type { ContentBlock } from '../../session/recordedSession.ts';
import { holdsMessage, type TranscriptEntry } from '../../session/transcriptEntry.ts';
import { preservedRecords, recordsOnPath, type SessionTree } from '../../session/turnTree.ts';
import type { ForkPoint } from '../forkRequest.ts';
import { parentsFirst } from '../requestAt.ts';
import { type Cut, resolveCut } from '../resolveForkPoint.ts';
import type { SessionRequests } from '../sessionRequests.ts';

/** Unchained records that say how the session goes on, all of them; Claude Code takes them along when it branches a session itself. */
const carriedWhole: ReadonlySet<string> = new Set([
  'content-replacement',
  'memory-mode',
  'history-suppression',
  'hybrid-organization',
  'data-flow-records',
  'data-flow-incomplete',
]);
/** The same, of which the last one counts. */
const carriedLast: ReadonlySet<string> = new Set(['atis-latch', 'tools-used', 'repl-mode', 'session-owner']);
/** System records behind a reply that say only how the turn went. */
const turnNotes: ReadonlySet<string> = new Set(['turn_duration', 'stop_hook_summary']);

/** What becomes of the part before a cut: the last record that is kept, and the first that is not. */
interface Bounds {
  leaf: ChainNode | null;
  /** Position of the first record behind the cut; results of kept calls that stand before it are kept. */
  order: number;
  line: number;
}

/**
 * Lines from which Claude Code can go on at a fork point, as if nothing had come after it.
 * @param entries the session's records in file order
 * @throws NotFoundError where no such turn or message is recorded, ForkPointError where the history can't end there
 */
export function branchChain(
  tree: SessionTree,
  entries: readonly TranscriptEntry[],
  point: ForkPoint,
  requests: Pick<SessionRequests, 'forkAt'>,
): BranchChain {
  const cut = resolveCut(tree, point);
  const bounds = boundsOf(tree, cut);
  const kept = keptNodes(tree, bounds);
  const isSaid = kept.some(({ entry }) => holdsMessage(entry));
  const leaf = isSaid ? kept.findLast(({ entry }) => holdsMessage(entry)) : undefined;
  const ahead = snapshotAhead(tree, cut, kept);
  const chain = [...kept, ...ahead];
  const onWay = new Set(pathTo(bounds.leaf));
  const end = ahead[0] ?? kept.findLast((node) => onWay.has(node));
  const at = (cut.prompt ?? bounds.leaf)?.entry.record;
  return {
    lines: isSaid ? linesOf(chain, entries, bounds) : [],
    leafUuid: leaf?.entry.uuid ?? null,
    resumeAt: leaf?.entry.type === 'user' ? (end?.entry.uuid ?? null) : null,
    cwd: textField(at, 'cwd'),
    version: textField(at, 'version'),
    permissionMode: permissionModeOf(cut, entries),
    tools: toolsAt(cut, point, requests),
    prompt: cut.prompt === null ? null : promptBlocks(cut.prompt),
  };
}

function boundsOf(tree: SessionTree, cut: Cut): Bounds {
  const first = cut.prompt ?? cut.reply[0];
  const leaf = cut.prompt === null ? withNotes(tree, cut.upTo) : cut.prompt.parent;
  const order = first?.order ?? (leaf === null ? 0 : leaf.order + 1);
  // What is set for a request stands before its reply.
  const line = (cut.reply[0] ?? first)?.entry.line ?? (leaf?.entry.line ?? 0) + 1;
  return { leaf, order, line };
}

/** The end of a turn with what Claude Code noted behind it without saying any of it to the model: the system prompt as it was, above all. */
function withNotes(tree: SessionTree, end: ChainNode): ChainNode {
  const isNote = ({ entry }: ChainNode) =>
    entry.type === 'attachment'
      ? entry.record.rendered === undefined
      : entry.type === 'system' && turnNotes.has(entry.facts.subtype ?? '');
  let at = end;
  for (;;) {
    const note = tree.chain.nodes.findLast((node) => node.parent === at && isNote(node));
    if (note === undefined) return at;
    at = note;
  }
}

/** Records that are kept, each behind the one that it hangs on. */
function keptNodes(tree: SessionTree, { leaf, order }: Bounds): ChainNode[] {
  const path = pathTo(leaf);
  const ancestors = new Set(path);
  const onPath = recordsOnPath(tree.chain, leaf);
  for (const boundary of path.filter((node) => isCompactBoundary(node.entry)))
    for (const preserved of preservedRecords(tree.chain, boundary, path).nodes) onPath.add(preserved);
  const isKept = (node: ChainNode) => ancestors.has(node) || (onPath.has(node) && node.order < order);
  const kept = parentsFirst(withoutSecondResults(tree.chain.nodes.filter(isKept), ancestors));
  const known = new Set(kept);
  return parentsFirst(tree.chain.nodes.filter((node) => known.has(node) || isBesideCall(node, known, tree))).filter(
    ({ entry }) => entry.type !== 'progress',
  );
}

/** A call has one result; where a later process wrote another one, the one on the way to the leaf counts. */
function withoutSecondResults(nodes: readonly ChainNode[], ancestors: ReadonlySet<ChainNode>): ChainNode[] {
  const answered = new Set<string>();
  const ids = ({ entry }: ChainNode) => entry.facts.toolResults.map(({ id }) => id);
  for (const node of nodes) if (ancestors.has(node)) for (const id of ids(node)) answered.add(id);
  return nodes.filter((node) => {
    const own = ids(node);
    if (ancestors.has(node) || own.length === 0) return true;
    if (own.every((id) => answered.has(id))) return false;
    for (const id of own) answered.add(id);
    return true;
  });
}

/** What hooks and the like put beside one of several parallel calls: it hangs on the call or its result and leads to no message. */
function isBesideCall(node: ChainNode, kept: ReadonlySet<ChainNode>, tree: SessionTree): boolean {
  if (kept.has(node) || node.entry.type !== 'attachment') return false;
  let at = node.parent;
  while (at !== null && !kept.has(at) && at.entry.type === 'attachment') at = at.parent;
  if (at === null || !kept.has(at)) return false;
  const { toolUses, toolResults } = at.entry.facts;
  if (toolUses.length === 0 && toolResults.length === 0) return false;
  return !leadsToMessage(node, tree);
}

function leadsToMessage(node: ChainNode, tree: SessionTree): boolean {
  const below = tree.chain.nodes.filter(({ parent }) => parent === node);
  return below.some((child) => holdsMessage(child.entry) || leadsToMessage(child, tree));
}

/**
 * Claude Code sets up system prompt and tools with the first prompt, anew with the first one behind a compaction and at times behind a
 * rewind, and notes them behind its reply. Noted before the cut they are sent as they were.
 */
function snapshotAhead(tree: SessionTree, { turn }: Cut, kept: readonly ChainNode[]): ChainNode[] {
  const isWhole = ({ entry }: ChainNode) =>
    entry.facts.subtype === 'prompt_snapshot' && recordField(entry.record, 'attachment')?.tools !== undefined;
  const boundary = kept.findLastIndex(({ entry }) => isCompactBoundary(entry));
  const [leaf, since] = [kept.at(-1), kept.slice(boundary + 1)];
  if (leaf === undefined || since.some(isWhole)) return [];
  const noted = tree.chain.nodes.find(
    (node) => node.order > leaf.order && tree.turnOf.get(node) === turn && isWhole(node),
  );
  return noted === undefined ? [] : [{ ...noted, parent: leaf }];
}

function linesOf(kept: readonly ChainNode[], entries: readonly TranscriptEntry[], { line }: Bounds): string[] {
  const known = new Set(kept);
  const calls = new Set(kept.flatMap(({ entry }) => entry.facts.toolUses.map(({ id }) => id)));
  const before = entries.filter((entry) => entry.uuid === null && entry.line < line && !entry.isSidechain);
  const last = new Map(before.flatMap((entry) => (carriedLast.has(entry.type) ? [[entry.type, entry]] : [])));
  const unchained = before.flatMap((entry) => {
    if (last.get(entry.type) === entry) return [entry.record];
    if (!carriedWhole.has(entry.type) || textField(entry.record, 'agentId') !== null) return [];
    if (entry.type !== 'content-replacement') return [entry.record];
    return replacementsOf(entry.record, calls) ?? [];
  });
  return [...kept.map((node) => chained(node, known)), ...unchained].map((record) => JSON.stringify(record));
}

/** The record, hanging on the nearest kept record above it. */
function chained(node: ChainNode, kept: ReadonlySet<ChainNode>): JsonRecord {
  const { record } = node.entry;
  // What a compaction continues stands in another field.
  if (isCompactBoundary(node.entry)) return record;
  let parent = node.parent;
  while (parent !== null && !kept.has(parent)) parent = parent.parent;
  return { ...record, parentUuid: parent?.entry.uuid ?? null };
}

/** Shortened results of the calls that are kept; null where there is none. */
function replacementsOf(record: JsonRecord, calls: ReadonlySet<string>): JsonRecord | null {
  const all = Array.isArray(record.replacements) ? record.replacements : [];
  const own = all.filter((item: Json) => {
    const id = item !== null && typeof item === 'object' && !Array.isArray(item) ? textField(item, 'toolUseId') : null;
    return id !== null && calls.has(id);
  });
  return own.length === 0 ? null : { ...record, replacements: own };
}

/** Names of the tools that the request at the fork point offered, those that were only named to the model included. */
function toolsAt({ upTo }: Cut, point: ForkPoint, requests: Pick<SessionRequests, 'forkAt'>): string[] | null {
  try {
    const { request, prefix } = requests.forkAt(point, 0).rebuilt;
    if (prefix.requestId === null || request.tools === undefined) return null;
    const named = new Set<string>();
    for (const { entry } of pathTo(upTo)) {
      if (entry.facts.subtype !== 'deferred_tools_delta') continue;
      const delta = recordField(entry.record, 'attachment');
      for (const name of textListField(delta, 'removedNames')) named.delete(name);
      for (const name of textListField(delta, 'addedNames')) named.add(name);
    }
    return [...new Set([...request.tools.flatMap(({ name }) => name ?? []), ...named])];
  } catch (error) {
    // A history that the Messages API can't be asked with, for want of a model: Claude Code knows one.
    if (error instanceof ForkPointError) return null;
    throw error;
  }
}

/** As the person last set it before the cut. */
function permissionModeOf({ prompt, upTo, turn }: Cut, entries: readonly TranscriptEntry[]): string | null {
  const path = pathTo(prompt ?? upTo);
  for (const { entry } of path.reverse()) {
    const mode = entry.type === 'user' ? textField(entry.record, 'permissionMode') : null;
    if (mode !== null) return mode;
  }
  const noted = entries.findLast((entry) => entry.type === 'permission-mode' && entry.line <= turn.line);
  return textField(noted?.record, 'permissionMode');
}

/** The prompt as it would be sent again: a slash command as it was typed. */
function promptBlocks({ entry }: ChainNode): ContentBlock[] {
  return (entry.message?.content ?? []).map((block) => {
    if (block.type !== 'text' || typeof block.text !== 'string') return block;
    const typed = promptText([block]);
    return typed.startsWith('/') ? { ...block, text: typed } : block;
  });
}
