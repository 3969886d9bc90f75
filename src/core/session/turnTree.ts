import { addUsage, noUsage } from '../api/usage.ts';
import type { Json } from '../canonicalJson.ts';
import type { TurnId } from '../ids.ts';
import { isCompactBoundary, preservedUuids } from './compaction.ts';
import { mayFollowAnother } from './followedRecords.ts';
import { type JsonRecord, numberField, recordField, textField } from './jsonRecord.ts';
import { activeLeaf, type ChainNode, hasUuid, linkChain, type MessageChain, pathTo } from './messageChain.ts';
import type { ParsedTranscript } from './parseTranscript.ts';
import { isPartOf, withWholePrompts } from './promptParts.ts';
import { isAnswer } from './promptRules.ts';
import { queuedPromptsOf } from './queuedPrompts.ts';
import type {
  Compaction,
  RecordedSession,
  SessionBranch,
  TranscriptMessage,
  Turn,
  TurnOutline,
} from './recordedSession.ts';
import { branchesOf, compactedTurns } from './sessionBranches.ts';
import { oneLine } from './sessionSummary.ts';
import { inlineSubagents, subagentsOf } from './subagentSummaries.ts';
import { holdsMessage, type TranscriptEntry } from './transcriptEntry.ts';
import { type ResultNode, type ResultOf, stepOutlinesOf, stepsOf } from './turnSteps.ts';

/** A subagent's transcript beside the session's. */
export interface SubagentFile {
  agentId: string;
  file: string;
  /** The run of a workflow that it belongs to; left out or null where it doesn't. */
  workflow?: string | null;
  /** Its `meta.json`, null where there is none. */
  meta: JsonRecord | null;
  transcript: ParsedTranscript;
}

/** Where a transcript was read from. */
export interface TranscriptFile {
  sessionId: string;
  file: string;
  bytes: number;
  /** From `custom-title.json` beside the transcript, null where there is none. */
  customTitle: string | null;
  /** ISO 8601 time of the file's last change. */
  modifiedAt?: string | null;
  subagents: readonly SubagentFile[];
  /** True where the file is itself a subagent's. */
  isSubagent?: boolean;
}

/** Says of a chained record which turn it belongs to: null before the first prompt, undefined for a record of another file. */
export interface TurnOfNode {
  get(node: ChainNode): TurnOutline | null | undefined;
  [Symbol.iterator](): Iterator<[ChainNode, TurnOutline | null]>;
}

/** A recording, understood, with the links that the rebuilding of requests needs. */
export interface SessionTree {
  session: RecordedSession;
  chain: MessageChain;
  /** The turn that each chained record belongs to; null before the first prompt. */
  turnOf: TurnOfNode;
  turns: ReadonlyMap<TurnId, TurnOutline>;
  /** Prompt records by turn. */
  prompts: ReadonlyMap<TurnId, ChainNode>;
  /** The records of a turn in file order. */
  recordsOf: (turn: TurnOutline) => readonly ChainNode[];
  /** The turn with its contents, which may be read from disk for it. */
  wholeTurn(turn: TurnOutline): Turn;
  /** The turn that started the subagent to which a record of this file belongs: version 1.0 kept them in one file. */
  turnOfInline(uuid: string): TurnOutline | null;
  /** Every message of the file in file order; contents may be read from disk one by one. */
  messages(): Iterable<TranscriptMessage>;
}

function lastApiError(nodes: readonly ChainNode[]): string | null {
  const entry = nodes.findLast(
    (node) => node.entry.type === 'system' && node.entry.facts.subtype === 'api_error',
  )?.entry;
  const error = recordField(entry?.record, 'error');
  return textField(error, 'formatted') ?? textField(error, 'message') ?? (entry === undefined ? null : 'API error');
}

/** A `uuid` is never empty, which is all that the schema asks: it need not be loaded to read a session. */
function turnIdOf({ entry }: ChainNode): TurnId {
  return entry.uuid as TurnId;
}

function turnFrom(index: number, prompt: ChainNode, nodes: readonly ChainNode[], resultOf: ResultOf): TurnOutline {
  const steps = stepOutlinesOf(nodes, resultOf);
  const { entry } = prompt;
  const asked = entry.facts.prompt ?? entry.facts.automatic;
  return {
    turnId: turnIdOf(prompt),
    index,
    line: entry.line,
    prompt: asked?.text ?? '',
    attachments: asked?.attachments ?? 0,
    automatic: entry.facts.automatic !== null && entry.facts.isMeta,
    at: entry.timestamp,
    absorbed: nodes.flatMap(({ entry: { facts, line } }) =>
      facts.absorbed === null ? [] : [{ text: facts.absorbed, line }],
    ),
    models: [...new Set(steps.flatMap((step) => step.model ?? []))],
    tools: [...new Set(steps.flatMap((step) => step.toolCalls.map((call) => call.name)))],
    usage: steps.reduce((sum, step) => addUsage(sum, step.usage), noUsage),
    interrupted: nodes.some((node) => node.entry.facts.interrupted),
    error: steps.length === 0 ? lastApiError(nodes) : (steps.at(-1)?.error ?? null),
    active: false,
    compactedAway: false,
    parentTurnId: null,
    steps,
  };
}

function compactionsOf(boundaries: readonly ChainNode[]): Compaction[] {
  return boundaries.map(({ entry }) => {
    const meta = recordField(entry.record, 'compactMetadata');
    return {
      uuid: entry.uuid,
      line: entry.line,
      trigger: textField(meta, 'trigger'),
      preTokens: numberField(meta, 'preTokens'),
      postTokens: numberField(meta, 'postTokens'),
    };
  });
}

/** Slash commands that Claude Code answered itself: their output is their child. */
function localCommands(entries: readonly TranscriptEntry[]): Set<string> {
  return new Set(
    entries.flatMap((entry) => (entry.facts.isCommandOutput && entry.parentUuid !== null ? [entry.parentUuid] : [])),
  );
}

/**
 * Understands transcripts that grow: of one that begins as the last one did, only what was added is gone through. What was
 * built before stays as it is. What is looked for in all records is kept apart: a pass over them takes longer than all else
 * that an added line costs.
 */
export class SessionBuilder {
  #entries: readonly TranscriptEntry[] = [];
  /** Those of the conversation itself. */
  #main: readonly TranscriptEntry[] = [];
  /** Those of subagents. */
  #sidechains: readonly TranscriptEntry[] = [];
  /** Those of what was typed while a turn ran. */
  #queue: readonly TranscriptEntry[] = [];
  #boundaries: ChainNode[] = [];
  #chain: MessageChain = { nodes: [], byUuid: new Map(), problems: [] };
  /** Place of the turn that each chained record belongs to, by the record's order; -1 before the first prompt. */
  #turnAt: number[] = [];
  #prompts: ChainNode[] = [];
  /** Records of each turn in file order. */
  #records: ChainNode[][] = [];
  /** First result of each call id, and the further ones: a file may hold copies, and some providers give an id again. */
  #results = new Map<string, ResultNode>();
  #furtherResults = new Map<string, ResultNode[]>();
  /** Places of the records that hold a call of that id. */
  #callAt = new Map<string, number[]>();
  #turns: TurnOutline[] = [];
  /** What is a prompt only where it is answered, as long as it isn't. */
  #unanswered: ChainNode | null = null;

  build(transcript: ParsedTranscript, file: TranscriptFile): SessionTree {
    const isMain = (entry: TranscriptEntry) => file.isSubagent === true || !entry.isSidechain;
    const known = this.#entries;
    const { entries } = transcript;
    const begins = known.length > 0 && entries.length >= known.length && entries[known.length - 1] === known.at(-1);
    if (!begins) [this.#main, this.#sidechains, this.#queue] = [[], [], []];
    const all = entries.slice(begins ? known.length : 0);
    const added = all.filter(isMain);
    const takes = begins && this.#canTake(added, this.#main.findLast(hasUuid));
    this.#main = [...this.#main, ...added];
    this.#sidechains = [...this.#sidechains, ...all.filter((entry) => !isMain(entry))];
    this.#queue = [...this.#queue, ...added.filter(({ facts }) => facts.queued !== null)];
    if (takes) this.#take(added);
    else this.#startAgain(this.#main);
    this.#entries = entries;
    return this.#tree(transcript, file);
  }

  /**
   * Whether records can be put behind the others without changing what those are.
   * @param before the last record of the others
   */
  #canTake(added: readonly TranscriptEntry[], before: TranscriptEntry | undefined): boolean {
    if (this.#unanswered !== null) return false;
    const { nodes, byUuid, problems } = this.#chain;
    // What the compaction continues that the file begins with: it may come later, and nothing says that it is missing.
    const continued = nodes[0]?.parent === null ? nodes[0].entry.facts.logicalParent : null;
    const own = new Set<string>();
    const compaction = this.#boundaries.at(-1)?.order ?? -1;
    let last = before;
    let isCompacted = false;
    for (const entry of added) {
      const { uuid, parentUuid, facts } = entry;
      // The output of a slash command makes the prompt before it none.
      if (facts.isCommandOutput || facts.automatic !== null) return false;
      if (uuid === null) continue;
      const prompt = last?.facts.prompt ?? null;
      if (last !== undefined && prompt !== null && isPartOf({ ...last, prompt }, entry)) return false;
      if (uuid === continued) return false;
      const named = parentUuid ?? facts.logicalParent;
      const known = named === null ? undefined : byUuid.get(named);
      if (named !== null && known === undefined && !own.has(named)) return false;
      const isBeforeCompaction = isCompacted || (known !== undefined && known.order <= compaction);
      if (named !== null && mayFollowAnother(entry, named === last?.uuid, isBeforeCompaction)) return false;
      isCompacted ||= isCompactBoundary(entry);
      own.add(uuid);
      last = entry;
    }
    return problems.length === 0;
  }

  #startAgain(records: readonly TranscriptEntry[]): void {
    const main = withWholePrompts(records);
    const local = localCommands(main);
    this.#chain = linkChain(main);
    this.#unanswered = null;
    this.#boundaries = [];
    this.#turnAt = [];
    this.#prompts = [];
    this.#records = [];
    this.#results = new Map();
    this.#furtherResults = new Map();
    this.#callAt = new Map();
    this.#turns = [];
    const { nodes } = this.#chain;
    for (const node of nodes) {
      const { facts, uuid } = node.entry;
      const isPrompt = facts.prompt !== null && !(local.has(uuid) && oneLine(facts.prompt.text).startsWith('/'));
      this.#turnAt.push(isPrompt ? this.#prompts.push(node) - 1 : -1);
      if (facts.prompt !== null) this.#unanswered = null;
      else if (facts.automatic !== null) this.#unanswered = node;
      else if (this.#unanswered !== null && isAnswer(node.entry)) {
        this.#turnAt[this.#unanswered.order] = this.#prompts.push(this.#unanswered) - 1;
        this.#unanswered = null;
      }
    }
    this.#records = this.#prompts.map(() => []);
    this.#spreadTurns();
    for (const node of nodes) this.#file(node);
    this.#turns = this.#prompts.map((_prompt, at) => this.#outline(at));
  }

  /** Each record belongs to the turn of its parent, which may stand behind it. */
  #spreadTurns(): void {
    const { nodes } = this.#chain;
    const assigned = new Uint8Array(nodes.length);
    for (const { order } of nodes) if ((this.#turnAt[order] ?? -1) >= 0) assigned[order] = 1;
    for (const node of nodes) {
      const way: ChainNode[] = [];
      let at: ChainNode | null = node;
      while (at !== null && assigned[at.order] === 0) {
        way.push(at);
        at = at.parent;
      }
      const turn = at === null ? -1 : (this.#turnAt[at.order] ?? -1);
      for (const { order } of way) {
        this.#turnAt[order] = turn;
        assigned[order] = 1;
      }
    }
  }

  #take(added: readonly TranscriptEntry[]): void {
    const { nodes, byUuid, problems } = this.#chain;
    const changed = new Set<number>();
    const extended = [...nodes];
    for (const entry of added) {
      if (!hasUuid(entry)) continue;
      const parent = byUuid.get(entry.parentUuid ?? entry.facts.logicalParent ?? '') ?? null;
      const node: ChainNode = { entry, parent, order: extended.length };
      extended.push(node);
      byUuid.set(entry.uuid, node);
      const isPrompt = entry.facts.prompt !== null;
      if (isPrompt) this.#records.push([]);
      const turn = isPrompt ? this.#prompts.push(node) - 1 : parent === null ? -1 : (this.#turnAt[parent.order] ?? -1);
      this.#turnAt.push(turn);
      if (turn >= 0) changed.add(turn);
      for (const { id } of entry.facts.toolResults) {
        for (const call of this.#callAt.get(id) ?? []) changed.add(this.#turnAt[call] ?? -1);
      }
      this.#file(node);
    }
    this.#chain = { nodes: extended, byUuid, problems };
    this.#turns = [...this.#turns];
    for (const at of changed) this.#turns[at] = this.#outline(at);
  }

  #file(node: ChainNode): void {
    const turn = this.#turnAt[node.order] ?? -1;
    this.#records[turn]?.push(node);
    if (isCompactBoundary(node.entry)) this.#boundaries.push(node);
    const { toolResults, toolUses } = node.entry.facts;
    for (const { id, isError } of toolResults) {
      const result = { node, isError };
      if (!this.#results.has(id)) this.#results.set(id, result);
      else this.#furtherResults.set(id, [...(this.#furtherResults.get(id) ?? []), result]);
    }
    for (const { id } of toolUses) if (turn >= 0) this.#callAt.set(id, [...(this.#callAt.get(id) ?? []), node.order]);
  }

  /**
   * Of several results under one id the one that names the call's line, else the first one between the call and the next one of that
   * id. Where a result was written twice, the first counts.
   */
  #resultOf(id: string, { entry, order }: ChainNode): ResultNode | undefined {
    const first = this.#results.get(id);
    const further = this.#furtherResults.get(id);
    if (first === undefined || further === undefined) return first;
    const next = Math.min(...(this.#callAt.get(id) ?? []).filter((call) => call > order));
    const all = [first, ...further];
    const named = all.find(({ node }) => node.entry.facts.sourceCall === entry.uuid);
    return named ?? all.find(({ node }) => node.order > order && node.order < next) ?? first;
  }

  #outline(at: number): TurnOutline {
    const prompt = this.#prompts[at] as ChainNode;
    const parent = prompt.parent === null ? undefined : this.#prompts[this.#turnAt[prompt.parent.order] ?? -1];
    const outline = turnFrom(at + 1, prompt, this.#records[at] ?? [], (id, line) => this.#resultOf(id, line));
    return { ...outline, parentTurnId: parent === undefined ? null : turnIdOf(parent) };
  }

  /** Outlines with what the other turns say about each. Those that come out as before are the same objects. */
  #mark(active: ChainNode | null): { byId: Map<TurnId, TurnOutline>; branches: SessionBranch[] } {
    const activeAt = active === null ? -1 : (this.#turnAt[active.order] ?? -1);
    const isActive = new Uint8Array(this.#turns.length);
    for (let at = activeAt; at >= 0; ) {
      isActive[at] = 1;
      const parent = this.#prompts[at]?.parent ?? null;
      at = parent === null ? -1 : (this.#turnAt[parent.order] ?? -1);
    }
    this.#turns = this.#turns.map((turn, at) => marked(turn, { active: isActive[at] === 1 }));
    const branches = branchesOf(
      new Map(this.#turns.map((turn) => [turn.turnId, turn])),
      (turn) => this.#prompts[turn.index - 1],
      (turn) => this.#records[turn.index - 1] ?? [],
      this.#turns[activeAt] ?? null,
    );
    // The active branch comes last: what it still sends is not compacted away, whatever an abandoned one did.
    const leaves = branches.map(({ leafUuid }) => this.#chain.byUuid.get(leafUuid) as ChainNode);
    const promptAt = (node: ChainNode) => {
      const at = this.#turnAt[node.order] ?? -1;
      return this.#prompts[at] === node ? at : -1;
    };
    const ends = active === null ? leaves : [...leaves, active];
    if (this.#boundaries.length > 0) {
      const compacted = compactedTurns(this.#chain, ends, promptAt, this.#turns.length);
      for (const node of preservedBefore(this.#chain, active)) compacted[promptAt(node)] = 0;
      this.#turns = this.#turns.map((turn, at) => marked(turn, { compactedAway: compacted[at] === 1 }));
    }
    return { byId: new Map(this.#turns.map((turn) => [turn.turnId, turn])), branches };
  }

  #tree(transcript: ParsedTranscript, file: TranscriptFile): SessionTree {
    const chain = this.#chain;
    const active = activeLeaf(this.#main, chain);
    const { byId, branches } = this.#mark(active);
    const turns = this.#turns;
    const turnOf = new TurnsOfNodes(chain.nodes, this.#turnAt, turns);
    const prompts = new Map(turns.map((turn, at) => [turn.turnId, this.#prompts[at] as ChainNode]));
    const records = this.#records;
    const resultOf: ResultOf = (id, line) => this.#resultOf(id, line);
    const inline = inlineSubagents(this.#sidechains);
    const subagents = subagentsOf(file.subagents, { agents: inline, file: file.file }, chain, turns);
    const isThere = ({ order }: ChainNode) => order < chain.nodes.length;
    const recordsOf = (turn: TurnOutline) => (records[turn.index - 1] ?? []).filter(isThere);
    const problems = [...transcript.problems, ...chain.problems].sort((a, b) => a.line - b.line);
    return {
      chain,
      turnOf,
      turns: byId,
      prompts,
      recordsOf,
      session: {
        summary: transcript.summary.build({ ...file, problems: problems.length }),
        turns,
        branches,
        subagents,
        compactions: compactionsOf(this.#boundaries),
        queued: file.isSubagent === true ? [] : queuedPromptsOf(this.#queue, turns),
        problems,
      },
      wholeTurn: (turn) => ({
        ...turn,
        promptContent: prompts.get(turn.turnId)?.entry.message?.content ?? [],
        steps: stepsOf(recordsOf(turn), resultOf),
      }),
      messages: () => messagesOf(transcript.entries, chain, turnOf, active),
      turnOfInline: (uuid) => {
        const agent = inline.find((entries) => entries.some((entry) => entry.uuid === uuid))?.[0]?.uuid;
        const turnId = subagents.find(({ agentId }) => agentId === agent)?.turnId ?? null;
        return turnId === null ? null : (byId.get(turnId) ?? null);
      },
    };
  }
}

function marked(turn: TurnOutline, marks: Partial<Pick<TurnOutline, 'active' | 'compactedAway'>>): TurnOutline {
  const { active = turn.active, compactedAway = turn.compactedAway } = marks;
  return turn.active === active && turn.compactedAway === compactedAway ? turn : { ...turn, active, compactedAway };
}

/** The turn that each record belongs to. Grows with the session no further than the records that it was made for. */
class TurnsOfNodes implements TurnOfNode {
  readonly #nodes: readonly ChainNode[];
  readonly #turnAt: readonly number[];
  readonly #turns: readonly TurnOutline[];

  constructor(nodes: readonly ChainNode[], turnAt: readonly number[], turns: readonly TurnOutline[]) {
    this.#nodes = nodes;
    this.#turnAt = turnAt;
    this.#turns = turns;
  }

  get(node: ChainNode): TurnOutline | null | undefined {
    // Records of other files have orders, too.
    return this.#nodes[node.order] === node ? (this.#turns[this.#turnAt[node.order] ?? -1] ?? null) : undefined;
  }

  *[Symbol.iterator](): Generator<[ChainNode, TurnOutline | null]> {
    for (const node of this.#nodes) yield [node, this.get(node) ?? null];
  }
}

/** Understands a whole transcript: the turns of all branches in file order, the branches, and how they hang together. */
export function buildSession(transcript: ParsedTranscript, file: TranscriptFile): SessionTree {
  return new SessionBuilder().build(transcript, file);
}

/** The line whose call a result answers, null for other records. */
function callLineOf({ entry: { facts }, parent }: ChainNode): string | null {
  return facts.toolResults.length === 0 ? null : (facts.sourceCall ?? parent?.entry.uuid ?? null);
}

/** Whether a result hangs on its own call's line. */
function answersParent({ entry, parent }: ChainNode): boolean {
  const calls = parent?.entry.facts.toolUses ?? [];
  return entry.facts.toolResults.every(({ id }) => calls.some((call) => call.id === id));
}

/**
 * Records on the way from the root to a leaf, with what a plain walk over parents misses: all lines of a reply that is
 * on the way, and the results of its parallel calls.
 */
export function recordsOnPath(chain: MessageChain, leaf: ChainNode | null): Set<ChainNode> {
  const kept = new Set<ChainNode>();
  for (let at = leaf; at !== null; at = at.parent) kept.add(at);
  const replies = new Set([...kept].flatMap((node) => node.entry.facts.messageId ?? []));
  const callers = new Set<string>();
  for (const node of chain.nodes) {
    const { facts, uuid, type } = node.entry;
    if (facts.messageId !== null && replies.has(facts.messageId)) kept.add(node);
    if (type === 'assistant' && kept.has(node)) callers.add(uuid);
  }
  const unnamed: ChainNode[] = [];
  for (const node of chain.nodes) {
    const { sourceCall, toolResults } = node.entry.facts;
    if (sourceCall !== null && callers.has(sourceCall)) kept.add(node);
    else if (sourceCall === null && toolResults.length > 0 && callers.has(node.parent?.entry.uuid ?? ''))
      unnamed.push(node);
  }
  if (unnamed.length === 0) return kept;
  const answered = new Set([...kept].map(callLineOf));
  for (const node of unnamed) if (answersParent(node) && !answered.has(callLineOf(node))) kept.add(node);
  return kept;
}

/**
 * What a compaction kept word for word of the history before it.
 * @param path from the root to where the history ends: one that goes on from the middle of what was kept has it up to there
 * @returns the records in order, the `uuid` of the record behind which they stand now, and whether the file lacks
 * what the boundary names
 */
export function preservedRecords(
  chain: MessageChain,
  boundary: ChainNode,
  path: readonly ChainNode[],
): { anchor: string | null; nodes: ChainNode[]; isUnknown: boolean } {
  const { anchor, uuids, head, tail } = preservedUuids(boundary.entry);
  const [first, last] = [head, tail].map((uuid) => chain.byUuid.get(uuid ?? ''));
  let nodes = uuids.flatMap((uuid) => chain.byUuid.get(uuid) ?? []);
  const isEmptySegment = first === undefined || last === undefined || first.order > last.order;
  const isUnknown = uuids.length > nodes.length || (uuids.length === 0 && (head ?? tail) !== null && isEmptySegment);
  if (nodes.length === 0 && first !== undefined && last !== undefined)
    nodes = [...recordsOnPath(chain, last)]
      .filter(({ order }) => order >= first.order && order <= boundary.order)
      .sort((a, b) => a.order - b.order);
  const next = path[path.findIndex(({ entry }) => entry.uuid === anchor) + 1];
  const end = nodes.findIndex(({ entry }) => entry.uuid === next?.entry.parentUuid);
  return { anchor, nodes: end < 0 ? nodes : nodes.slice(0, end + 1), isUnknown };
}

/** What the last compaction before a record kept of the turns before it: that is still sent. */
function preservedBefore(chain: MessageChain, leaf: ChainNode | null): readonly ChainNode[] {
  for (let at = leaf; at !== null; at = at.parent)
    if (isCompactBoundary(at.entry)) return preservedRecords(chain, at, pathTo(leaf)).nodes;
  return [];
}

function* messagesOf(
  entries: readonly TranscriptEntry[],
  chain: MessageChain,
  turnOf: TurnOfNode,
  active: ChainNode | null,
): Generator<TranscriptMessage> {
  const kept = recordsOnPath(chain, active);
  for (const entry of entries) {
    if (!holdsMessage(entry) || entry.uuid === null) continue;
    const node = chain.byUuid.get(entry.uuid);
    const { message, record } = entry;
    yield {
      uuid: entry.uuid,
      line: entry.line,
      type: entry.type,
      role: message?.role ?? entry.type,
      turnId: (node === undefined ? null : turnOf.get(node))?.turnId ?? null,
      active: node !== undefined && kept.has(node),
      message: (record.message ?? null) as Json,
    };
  }
}
