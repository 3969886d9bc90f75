import type { Json } from '../canonicalJson.ts';
import { groupBy } from '../groupBy.ts';
import { type TurnId, turnIdSchema } from '../ids.ts';
import { activeLeaf, type ChainNode, isCompactBoundary, linkChain, type MessageChain } from './messageChain.ts';
import type { ParsedTranscript } from './parseTranscript.ts';
import { isCommandOutput, isInterruption, isPrompt, promptText } from './promptRules.ts';
import {
  addUsage,
  type Compaction,
  noUsage,
  type RecordedSession,
  type SessionBranch,
  type SubagentSummary,
  type TranscriptMessage,
  type Turn,
} from './recordedSession.ts';
import { oneLine, SessionSummaryBuilder } from './sessionSummary.ts';
import { type JsonRecord, numberField, recordField, type TranscriptEntry, textField } from './transcriptEntry.ts';
import { stepsOf, toolResultsOf } from './turnSteps.ts';

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
  subagents: readonly SubagentFile[];
}

/** A recording, understood, with the links that the rebuilding of requests needs. */
export interface SessionTree {
  session: RecordedSession;
  chain: MessageChain;
  /** The turn that each chained record belongs to; null before the first prompt. */
  turnOf: ReadonlyMap<ChainNode, Turn | null>;
  turns: ReadonlyMap<TurnId, Turn>;
  /** Prompt records by turn. */
  prompts: ReadonlyMap<TurnId, ChainNode>;
  messages(): TranscriptMessage[];
}

/** Slash commands that Claude Code answered itself: their output is their child. */
function localCommands(entries: readonly TranscriptEntry[]): Set<string> {
  return new Set(
    entries.flatMap((entry) => (isCommandOutput(entry) && entry.parentUuid !== null ? [entry.parentUuid] : [])),
  );
}

function promptNodes(chain: MessageChain, entries: readonly TranscriptEntry[]): ChainNode[] {
  const local = localCommands(entries);
  return chain.nodes.filter(
    ({ entry }) =>
      isPrompt(entry) && !(local.has(entry.uuid) && oneLine(promptText(entry.message?.content ?? [])).startsWith('/')),
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
    (node) => node.entry.type === 'system' && node.entry.record.subtype === 'api_error',
  )?.entry;
  const error = recordField(entry?.record, 'error');
  return textField(error, 'formatted') ?? textField(error, 'message') ?? (entry === undefined ? null : 'API error');
}

function turnFrom(
  index: number,
  prompt: ChainNode,
  nodes: readonly ChainNode[],
  results: ReturnType<typeof toolResultsOf>,
): Turn {
  const steps = stepsOf(nodes, results);
  const content = prompt.entry.message?.content ?? [];
  return {
    turnId: turnIdSchema.parse(prompt.entry.uuid),
    index,
    line: prompt.entry.line,
    prompt: promptText(content),
    promptContent: content,
    at: prompt.entry.timestamp,
    steps,
    models: [...new Set(steps.flatMap((step) => step.model ?? []))],
    tools: [...new Set(steps.flatMap((step) => step.toolCalls.map((call) => call.name)))],
    usage: steps.reduce((sum, step) => addUsage(sum, step.usage), noUsage),
    interrupted: nodes.some(({ entry }) => isInterruption(entry) || entry.record.isAbortedMidStream === true),
    error: steps.length === 0 ? lastApiError(nodes) : (steps.at(-1)?.error ?? null),
    active: false,
    compactedAway: false,
    parentTurnId: null,
  };
}

/** Marks what a walk from a leaf to the root meets: the turns behind a compaction boundary are no longer sent. */
function markCompacted(leaf: ChainNode, turnOf: ReadonlyMap<ChainNode, Turn | null>): void {
  let compacted = false;
  for (let at: ChainNode | null = leaf; at !== null; at = at.parent) {
    const turn = turnOf.get(at) ?? null;
    if (turn !== null && turn.turnId === at.entry.uuid) turn.compactedAway = compacted;
    if (isCompactBoundary(at.entry)) compacted = true;
  }
}

function lineOfTurns(turn: Turn | null, turns: ReadonlyMap<TurnId, Turn>): Turn[] {
  const line: Turn[] = [];
  for (let at = turn; at !== null; at = at.parentTurnId === null ? null : (turns.get(at.parentTurnId) ?? null))
    line.push(at);
  return line.reverse();
}

/** The last message at or above a record: what a person would call the place. */
function messageAtOrAbove(node: ChainNode | null): string | null {
  for (let at = node; at !== null; at = at.parent) if (at.entry.message !== null) return at.entry.uuid;
  return null;
}

function branchesOf(
  tree: Omit<SessionTree, 'session' | 'messages'>,
  nodesOf: ReadonlyMap<Turn, ChainNode[]>,
  active: ChainNode | null,
): SessionBranch[] {
  const parents = new Set([...tree.turns.values()].map((turn) => turn.parentTurnId));
  const activeTurn = active === null ? null : (tree.turnOf.get(active) ?? null);
  const ends = [...tree.turns.values()].filter((turn) => !parents.has(turn.turnId) || turn === activeTurn);
  return ends.map((end): SessionBranch => {
    const leaf = nodesOf.get(end)?.findLast((node) => node.entry.message !== null);
    const line = lineOfTurns(end, tree.turns);
    const isActive = end === activeTurn;
    const own = isActive ? line : line.filter((turn) => !turn.active);
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

function subagentsOf(files: readonly SubagentFile[], chain: MessageChain, turns: readonly Turn[]): SubagentSummary[] {
  const callOfAgent = new Map<string, string>();
  for (const { entry } of chain.nodes) {
    const agentId = textField(recordField(entry.record, 'toolUseResult'), 'agentId');
    const block = entry.message?.content.find((part) => part.type === 'tool_result');
    if (agentId !== null && typeof block?.tool_use_id === 'string') callOfAgent.set(agentId, block.tool_use_id);
  }
  const turnOfCall = new Map(
    turns.flatMap((turn) =>
      turn.steps.flatMap((step) => step.toolCalls.map((call) => [call.id, turn.turnId] as const)),
    ),
  );
  return files.map(({ agentId, file, meta, transcript }) => {
    const toolUseId = textField(meta, 'toolUseId') ?? callOfAgent.get(agentId) ?? null;
    return {
      agentId,
      agentType: textField(meta, 'agentType'),
      toolUseId,
      turnId: toolUseId === null ? null : (turnOfCall.get(toolUseId) ?? null),
      messages: transcript.entries.filter((entry) => entry.message !== null).length,
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
  const replies = new Set(
    [...kept].flatMap((node) => (node.entry.type === 'assistant' ? (node.entry.message?.id ?? []) : [])),
  );
  const callers = new Set<string>();
  for (const node of chain.nodes) {
    const { type, message, uuid } = node.entry;
    if (type === 'assistant' && message?.id != null && replies.has(message.id)) kept.add(node);
    if (type === 'assistant' && kept.has(node)) callers.add(uuid);
  }
  for (const node of chain.nodes) {
    const source = textField(node.entry.record, 'sourceToolAssistantUUID');
    if (source !== null && callers.has(source)) kept.add(node);
  }
  return kept;
}

function summaryOf(transcript: ParsedTranscript, file: TranscriptFile, problems: number): RecordedSession['summary'] {
  const builder = new SessionSummaryBuilder();
  for (const entry of transcript.entries) builder.add(entry);
  return builder.build({ ...file, problems });
}

/** Understands a whole transcript: the turns of all branches in file order, the branches, and how they hang together. */
export function buildSession(transcript: ParsedTranscript, file: TranscriptFile): SessionTree {
  const main = transcript.entries.filter((entry) => !entry.isSidechain);
  const chain = linkChain(main);
  const promptList = promptNodes(chain, main);
  const under = promptOfEach(chain, new Set(promptList));
  const grouped = groupBy(chain.nodes, (node) => under.get(node) ?? null);
  const results = toolResultsOf(chain.nodes);
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
  for (const turn of lineOfTurns(active === null ? null : (turnOf.get(active) ?? null), byId)) turn.active = true;
  const links = {
    chain,
    turnOf,
    turns: byId,
    prompts: new Map([...turnOfPrompt].map(([prompt, turn]) => [turn.turnId, prompt])),
  };
  const branches = branchesOf(links, nodesOf, active);
  // The active branch comes last: what it still sends is not compacted away, whatever an abandoned one did.
  for (const branch of branches) markCompacted(chain.byUuid.get(branch.leafUuid) as ChainNode, turnOf);
  if (active !== null) markCompacted(active, turnOf);
  const problems = [...transcript.problems, ...chain.problems].sort((a, b) => a.line - b.line);
  return {
    ...links,
    session: {
      summary: summaryOf(transcript, file, problems.length),
      turns,
      branches,
      subagents: subagentsOf(file.subagents, chain, turns),
      compactions: compactionsOf(chain),
      problems,
    },
    messages: () => messagesOf(transcript.entries, chain, turnOf, active),
  };
}

function messagesOf(
  entries: readonly TranscriptEntry[],
  chain: MessageChain,
  turnOf: ReadonlyMap<ChainNode, Turn | null>,
  active: ChainNode | null,
): TranscriptMessage[] {
  const kept = recordsOnPath(chain, active);
  return entries.flatMap((entry) => {
    if (entry.message === null || entry.uuid === null) return [];
    const node = entry.isSidechain ? undefined : chain.byUuid.get(entry.uuid);
    return {
      uuid: entry.uuid,
      line: entry.line,
      type: entry.type,
      role: entry.message.role,
      turnId: (node === undefined ? null : turnOf.get(node))?.turnId ?? null,
      active: node !== undefined && kept.has(node),
      message: (entry.record.message ?? null) as Json,
    };
  });
}
