import { recordField, textField } from './jsonRecord.ts';
import type { ChainNode, MessageChain } from './messageChain.ts';
import type { SubagentSummary, TurnOutline } from './recordedSession.ts';
import { holdsMessage } from './transcriptEntry.ts';
import type { SubagentFile } from './turnTree.ts';

/** What the call that started a subagent asked of it. @param caller the record of the call */
function taskOf(caller: ChainNode | undefined, toolUseId: string): string | null {
  const block = caller?.entry.message?.content.find(({ type, id }) => type === 'tool_use' && id === toolUseId);
  const input = recordField(block, 'input');
  return textField(input, 'description') ?? textField(input, 'prompt');
}

/** What is known of the subagents of a session. */
export function subagentsOf(
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
      steps: new Set(transcript.entries.flatMap(({ facts }) => facts.messageId ?? [])).size,
      file,
    };
  });
}
