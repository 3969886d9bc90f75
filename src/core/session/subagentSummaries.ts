import { recordField, textField } from './jsonRecord.ts';
import type { ChainNode, MessageChain } from './messageChain.ts';
import type { SubagentSummary, TurnOutline } from './recordedSession.ts';
import { holdsMessage, type TranscriptEntry } from './transcriptEntry.ts';
import type { SubagentFile } from './turnTree.ts';

/** Names of the tools that start a subagent. */
const starting: ReadonlySet<string> = new Set(['Task', 'Agent']);

/** A call of a session, with the record that holds it. */
interface Call {
  id: string;
  name: string;
  node: ChainNode;
}

/** What a call asked for. */
function inputOf({ id, node }: Call) {
  return recordField(
    node.entry.message?.content.find((block) => block.type === 'tool_use' && block.id === id),
    'input',
  );
}

function firstPrompt(entries: readonly TranscriptEntry[]): string | null {
  return entries.find(({ facts }) => facts.prompt)?.facts.prompt?.text ?? null;
}

/** The calls of a session that start subagents, and what says which of them started which. */
class Calls {
  readonly #byId = new Map<string, Call>();
  readonly #ofAgent = new Map<string, string>();
  /** Records of the calls' results. */
  readonly #results = new Map<string, ChainNode>();
  readonly #taken = new Set<string>();

  constructor(chain: MessageChain) {
    for (const node of chain.nodes) {
      const { agentId, toolResults, toolUses } = node.entry.facts;
      const [result] = toolResults;
      if (agentId !== null && result !== undefined) this.#ofAgent.set(agentId, result.id);
      for (const { id } of toolResults) if (!this.#results.has(id)) this.#results.set(id, node);
      for (const { id, name } of toolUses) if (!this.#byId.has(id)) this.#byId.set(id, { id, name, node });
    }
    for (const id of this.#ofAgent.values()) this.#taken.add(id);
  }

  get(id: string | null): Call | undefined {
    return id === null ? undefined : this.#byId.get(id);
  }

  /** The call that started a subagent, as records say it, or as what it was asked says it where nothing else does. */
  callOf(agent: Pick<SubagentFile, 'agentId' | 'meta' | 'workflow'>, prompt: string | null): string | null {
    const said = textField(agent.meta, 'toolUseId') ?? this.#ofAgent.get(agent.agentId) ?? null;
    if (said !== null) return said;
    if (agent.workflow != null) return this.#callOfWorkflow(agent.workflow);
    const asked = this.#asking(textField(agent.meta, 'description'), prompt);
    if (asked !== null) this.#taken.add(asked);
    return asked;
  }

  #callOfWorkflow(run: string): string | null {
    for (const { id, name } of this.#byId.values()) {
      const result = name === 'Workflow' ? this.#results.get(id)?.entry.record : undefined;
      if (result !== undefined && JSON.stringify(result).includes(run)) return id;
    }
    return null;
  }

  /** The first call that no other subagent answers and that asked for this: one that was interrupted, or one of version 1.0. */
  #asking(description: string | null, prompt: string | null): string | null {
    for (const call of this.#byId.values()) {
      if (!starting.has(call.name) || this.#taken.has(call.id)) continue;
      const input = inputOf(call);
      const asked = textField(input, 'prompt');
      if (asked !== null && asked === prompt) return call.id;
      if (asked === null && description !== null && textField(input, 'description') === description) return call.id;
    }
    return null;
  }
}

/** Subagents of version 1.0: their records stand among the session's, marked. Each begins with what it was asked. */
export function inlineSubagents(entries: readonly TranscriptEntry[]): TranscriptEntry[][] {
  const agents = new Map<string, TranscriptEntry[]>();
  for (const entry of entries) {
    if (!entry.isSidechain || entry.uuid === null) continue;
    const agent = agents.get(entry.parentUuid ?? '') ?? [];
    agent.push(entry);
    agents.set(entry.uuid, agent);
  }
  return [...new Set(agents.values())];
}

/**
 * What is known of the subagents of a session.
 * @param inline of those whose records stand in the session's file, which is `file`
 */
export function subagentsOf(
  files: readonly SubagentFile[],
  inline: { agents: readonly TranscriptEntry[][]; file: string },
  chain: MessageChain,
  turns: readonly TurnOutline[],
): SubagentSummary[] {
  const within = inline.agents.map((entries) => ({
    agentId: entries[0]?.uuid ?? '',
    file: inline.file,
    workflow: null,
    meta: null,
    entries,
  }));
  const all = [...files.map((agent) => ({ ...agent, entries: agent.transcript.entries })), ...within];
  if (all.length === 0) return [];
  const calls = new Calls(chain);
  const turnOfCall = new Map(
    turns.flatMap((turn) =>
      turn.steps.flatMap((step) => step.toolCalls.map((call) => [call.id, turn.turnId] as const)),
    ),
  );
  return all.map((agent) => {
    const prompt = firstPrompt(agent.entries);
    const toolUseId = calls.callOf(agent, prompt);
    const call = agent.workflow == null ? calls.get(toolUseId) : undefined;
    const input = call === undefined ? null : inputOf(call);
    return {
      agentId: agent.agentId,
      agentType: textField(agent.meta, 'agentType') ?? textField(input, 'subagent_type'),
      parentAgentId: textField(agent.meta, 'parentAgentId'),
      task: textField(input, 'description') ?? textField(input, 'prompt') ?? prompt,
      toolUseId,
      turnId: toolUseId === null ? null : (turnOfCall.get(toolUseId) ?? null),
      messages: agent.entries.filter(holdsMessage).length,
      steps: new Set(agent.entries.flatMap(({ facts }) => facts.messageId ?? [])).size,
      file: agent.file,
    };
  });
}
