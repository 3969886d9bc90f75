import type { Json } from '../canonicalJson.ts';
import { groupBy } from '../groupBy.ts';
import { type TurnId, turnIdSchema } from '../ids.ts';
import { type JsonRecord, numberField, recordField, textField } from './jsonRecord.ts';
import { activeLeaf, type ChainNode, isCompactBoundary, linkChain, type MessageChain } from './messageChain.ts';
import type { ParsedTranscript } from './parseTranscript.ts';
import {
  addUsage,
  type Compaction,
  noUsage,
  type RecordedSession,
  type SessionBranch,
  type SubagentSummary,
  type TranscriptMessage,
  type Turn,
  type TurnOutline,
} from './recordedSession.ts';
import { oneLine } from './sessionSummary.ts';
import { holdsMessage, type TranscriptEntry } from './transcriptEntry.ts';
import { type ResultNodes, resultNodesOf, stepOutlinesOf, stepsOf } from './turnSteps.ts';

/** A subagent's transcript beside the session's. */
export interface SubagentFile {
  agentId: string;
  file: string;
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

/** A recording, understood, with the links that the rebuilding of requests needs. */
export interface SessionTree {
  session: RecordedSession;
  chain: MessageChain;
  /** The turn that each chained record belongs to; null before the first prompt. */
  turnOf: ReadonlyMap<ChainNode, TurnOutline | null>;
  turns: ReadonlyMap<TurnId, TurnOutline>;
  /** Prompt records by turn. */
  prompts: ReadonlyMap<TurnId, ChainNode>;
  /** The turn with its contents, which may be read from disk for it. */
  wholeTurn(turn: TurnOutline): Turn;
  /** Every message of the file in file order; contents may be read from disk one by one. */
  messages(): Iterable<TranscriptMessage>;
}

/** Slash commands that Claude Code answered itself: their output is their child. */
function localCommands(entries: readonly TranscriptEntry[]): Set<string> {
  return new Set(
    entries.flatMap((entry) => (entry.facts.isCommandOutput && entry.parentUuid !== null ? [entry.parentUuid] : [])),
  );
}

function promptNodes(chain: MessageChain, entries: readonly TranscriptEntry[]): ChainNode[] {
  const local = localCommands(entries);
  return chain.nodes.filter(
    ({ entry }) =>
      entry.facts.prompt !== null && !(local.has(entry.uuid) && oneLine(entry.facts.prompt.text).startsWith('/')),
  );
}

/** Prompt that each record stands under: itself where it is one. */
function promptOfEach(chain: MessageChain, prompts: ReadonlySet<ChainNode>): Map<ChainNode, ChainNode | null> {
  const under = new Map<ChainNode, ChainNode | null>();
  for (const node of chain.nodes) {
    const pending: ChainNode[] = [];
    let at: ChainNode | null = node;
    while (at !== null && !under.has(at) && !prompts.has(at)) {
      pending.push(at);
      at = at.parent;
    }
    const prompt: ChainNode | null = at === null ? null : (under.get(at) ?? (prompts.has(at) ? at : null));
    if (at !== null && prompts.has(at)) under.set(at, at);
    for (const member of pending) under.set(member, prompt);
  }
  return under;
}

function lastApiError(nodes: readonly ChainNode[]): string | null {
  const entry = nodes.findLast(
    (node) => node.entry.type === 'system' && node.entry.facts.subtype === 'api_error',
  )?.entry;
  const error = recordField(entry?.record, 'error');
  return textField(error, 'formatted') ?? textField(error, 'message') ?? (entry === undefined ? null : 'API error');
}

function turnFrom(index: number, prompt: ChainNode, nodes: readonly ChainNode[], results: ResultNodes): TurnOutline {
  const steps = stepOutlinesOf(nodes, results);
  const { entry } = prompt;
  return {
    turnId: turnIdSchema.parse(entry.uuid),
    index,
    line: entry.line,
    prompt: entry.facts.prompt?.text ?? '',
    attachments: entry.facts.prompt?.attachments ?? 0,
    at: entry.timestamp,
    absorbed: nodes.flatMap(({ entry: { facts, line } }) =>
      facts.absorbed === null ? [] : [{ text: facts.absorbed, line }],
    ),
    steps,
    models: [...new Set(steps.flatMap((step) => step.model ?? []))],
    tools: [...new Set(steps.flatMap((step) => step.toolCalls.map((call) => call.name)))],
    usage: steps.reduce((sum, step) => addUsage(sum, step.usage), noUsage),
    interrupted: nodes.some((node) => node.entry.facts.interrupted),
    error: steps.length === 0 ? lastApiError(nodes) : (steps.at(-1)?.error ?? null),
    active: false,
    compactedAway: false,
    parentTurnId: null,
  };
}

/**
 * Marks the turns behind a compaction boundary: they are no longer sent. Where leaves disagree about a turn that they share,
 * the last of them counts. One pass over the records, children before parents: a walk up from each leaf would take minutes in
 * a long session with many rewinds.
 */
function markCompacted(
  { nodes }: MessageChain,
  leaves: readonly ChainNode[],
  turnOf: ReadonlyMap<ChainNode, TurnOutline | null>,
): void {
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
    const turn = turnOf.get(node) ?? null;
    if (leaf >= 0 && turn?.turnId === entry.uuid) turn.compactedAway = crossed[order] === 1;
    if (parent === null) continue;
    if (leaf > (leafOf[parent.order] ?? -1)) {
      leafOf[parent.order] = leaf;
      crossed[parent.order] = crossed[order] === 1 || isCompactBoundary(entry) ? 1 : 0;
    }
    children[parent.order] = (children[parent.order] ?? 0) - 1;
    if (children[parent.order] === 0) ready.push(parent);
  }
}

/** The turn and those before it, oldest first; of an abandoned branch only those that the active one does not have. */
function lineOfTurns(turn: TurnOutline | null, turns: ReadonlyMap<TurnId, TurnOutline>): TurnOutline[] {
  const line: TurnOutline[] = [];
  const abandoned = turn?.active === false;
  for (let at = turn; at !== null; at = at.parentTurnId === null ? null : (turns.get(at.parentTurnId) ?? null)) {
    if (abandoned && at.active) break;
    line.push(at);
  }
  return line.reverse();
}

/** The last message at or above a record: what a person would call the place. */
function messageAtOrAbove(node: ChainNode | null): string | null {
  for (let at = node; at !== null; at = at.parent) if (holdsMessage(at.entry)) return at.entry.uuid;
  return null;
}

function branchesOf(
  tree: Pick<SessionTree, 'turns' | 'turnOf' | 'prompts'>,
  nodesOf: ReadonlyMap<TurnOutline, ChainNode[]>,
  active: ChainNode | null,
): SessionBranch[] {
  const parents = new Set([...tree.turns.values()].map((turn) => turn.parentTurnId));
  const activeTurn = active === null ? null : (tree.turnOf.get(active) ?? null);
  const ends = [...tree.turns.values()].filter((turn) => !parents.has(turn.turnId) || turn === activeTurn);
  return ends.map((end): SessionBranch => {
    const leaf = nodesOf.get(end)?.findLast((node) => holdsMessage(node.entry));
    const own = lineOfTurns(end, tree.turns);
    const isActive = end === activeTurn;
    const first = own[0];
    const split = isActive || first === undefined ? null : (tree.prompts.get(first.turnId)?.parent ?? null);
    return {
      leafUuid: leaf?.entry.uuid ?? end.turnId,
      splitUuid: messageAtOrAbove(split),
      turns: own.map((turn) => turn.turnId),
      active: isActive,
    };
  });
}

function compactionsOf(chain: MessageChain): Compaction[] {
  return chain.nodes.flatMap(({ entry }) => {
    if (!isCompactBoundary(entry)) return [];
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

/** What the call that started a subagent asked of it. @param caller the record of the call */
function taskOf(caller: ChainNode | undefined, toolUseId: string): string | null {
  const block = caller?.entry.message?.content.find(({ type, id }) => type === 'tool_use' && id === toolUseId);
  const input = recordField(block, 'input');
  return textField(input, 'description') ?? textField(input, 'prompt');
}

function subagentsOf(
  files: readonly SubagentFile[],
  chain: MessageChain,
  turns: readonly TurnOutline[],
): SubagentSummary[] {
  if (files.length === 0) return [];
  const callOfAgent = new Map<string, string>();
  const callers = new Map<string, ChainNode>();
  for (const node of chain.nodes) {
    const { agentId, toolResults, toolUses } = node.entry.facts;
    const [result] = toolResults;
    if (agentId !== null && result !== undefined) callOfAgent.set(agentId, result.id);
    for (const { id } of toolUses) if (!callers.has(id)) callers.set(id, node);
  }
  const turnOfCall = new Map(
    turns.flatMap((turn) =>
      turn.steps.flatMap((step) => step.toolCalls.map((call) => [call.id, turn.turnId] as const)),
    ),
  );
  return files.map(({ agentId, file, meta, transcript }) => {
    const toolUseId = textField(meta, 'toolUseId') ?? callOfAgent.get(agentId) ?? null;
    const task = toolUseId === null ? null : taskOf(callers.get(toolUseId), toolUseId);
    return {
      agentId,
      agentType: textField(meta, 'agentType'),
      parentAgentId: textField(meta, 'parentAgentId'),
      task: task ?? transcript.entries.find(({ facts }) => facts.prompt)?.facts.prompt?.text ?? null,
      toolUseId,
      turnId: toolUseId === null ? null : (turnOfCall.get(toolUseId) ?? null),
      messages: transcript.entries.filter(holdsMessage).length,
      file,
    };
  });
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
  for (const node of chain.nodes) {
    const source = node.entry.facts.sourceCall;
    if (source !== null && callers.has(source)) kept.add(node);
  }
  return kept;
}

/** Understands a whole transcript: the turns of all branches in file order, the branches, and how they hang together. */
export function buildSession(transcript: ParsedTranscript, file: TranscriptFile): SessionTree {
  const main = file.isSubagent === true ? transcript.entries : transcript.entries.filter((entry) => !entry.isSidechain);
  const chain = linkChain(main);
  const promptList = promptNodes(chain, main);
  const under = promptOfEach(chain, new Set(promptList));
  const grouped = groupBy(chain.nodes, (node) => under.get(node) ?? null);
  const results = resultNodesOf(chain.nodes);
  const turnOfPrompt = new Map(
    promptList.map((prompt, at) => [prompt, turnFrom(at + 1, prompt, grouped.get(prompt) ?? [], results)]),
  );
  const turns = [...turnOfPrompt.values()];
  const turnOf = new Map(chain.nodes.map((node) => [node, turnOfPrompt.get(under.get(node) as ChainNode) ?? null]));
  for (const [prompt, turn] of turnOfPrompt) {
    turn.parentTurnId = prompt.parent === null ? null : (turnOf.get(prompt.parent)?.turnId ?? null);
  }
  const byId = new Map(turns.map((turn) => [turn.turnId, turn]));
  const nodesOf = new Map([...turnOfPrompt].map(([prompt, turn]) => [turn, grouped.get(prompt) ?? []]));
  const active = activeLeaf(main, chain);
  for (let turn = active === null ? null : (turnOf.get(active) ?? null); turn !== null; ) {
    turn.active = true;
    turn = turn.parentTurnId === null ? null : (byId.get(turn.parentTurnId) ?? null);
  }
  const links = {
    chain,
    turnOf,
    turns: byId,
    prompts: new Map([...turnOfPrompt].map(([prompt, turn]) => [turn.turnId, prompt])),
  };
  const branches = branchesOf(links, nodesOf, active);
  // The active branch comes last: what it still sends is not compacted away, whatever an abandoned one did.
  const leaves = branches.map(({ leafUuid }) => chain.byUuid.get(leafUuid) as ChainNode);
  markCompacted(chain, active === null ? leaves : [...leaves, active], turnOf);
  const problems = [...transcript.problems, ...chain.problems].sort((a, b) => a.line - b.line);
  return {
    ...links,
    session: {
      summary: transcript.summary.build({ ...file, problems: problems.length }),
      turns,
      branches,
      subagents: subagentsOf(file.subagents, chain, turns),
      compactions: compactionsOf(chain),
      problems,
    },
    wholeTurn: (turn) => ({
      ...turn,
      promptContent: links.prompts.get(turn.turnId)?.entry.message?.content ?? [],
      steps: stepsOf(nodesOf.get(byId.get(turn.turnId) ?? turn) ?? [], results),
    }),
    messages: () => messagesOf(transcript.entries, chain, turnOf, active),
  };
}

function* messagesOf(
  entries: readonly TranscriptEntry[],
  chain: MessageChain,
  turnOf: ReadonlyMap<ChainNode, TurnOutline | null>,
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
