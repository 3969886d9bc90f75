import type { MeasuredPrefix } from '../../agent/agentFacts.ts';
import { measurePrefix } from '../../agent/measurePrefix.ts';
import { messagesRequestSchema } from '../../api/messagesRequest.ts';
import type { AgentWorkDeps } from './agentWork.ts';
import type { LoadedBranch } from './loadBranch.ts';

/**
 * How much of what Claude Code sent first in a branch equals the recorded request.
 * @returns null where either of the two is not logged
 */
export async function measureBranchPrefix(
  { agent, chain, sessionId, own }: LoadedBranch,
  { blobs, recordings, sessions }: AgentWorkDeps,
): Promise<MeasuredPrefix | null> {
  if (agent.recordedRequest === null) return null;
  const { file } = await sessions.state(agent.configDir, sessionId, chain);
  if (file === null) return null;
  const recorded = messagesRequestSchema.parse(await blobs.get(agent.recordedRequest));
  const ready = own.findLast((event) => event.type === 'place-ready');
  const moved = ready?.type === 'place-ready' && ready.place.path !== agent.folder;
  const senders = { recorded: chain.version, sent: agent.version, moved };
  const open = await recordings.open(file);
  for await (const { request, file: of } of open.requests()) {
    // What it asked on the side (titles, subagents) stands in other files or has no history.
    if (request !== null && of === file) return measurePrefix(recorded, request, senders);
  }
  return null;
}
