import { noUsage } from '../api/usage.ts';
import { messageOf } from '../errors.ts';
import { toolUses } from './advance.ts';
import type { BranchLog } from './branchLog.ts';
import type { StepResult } from './branchOutcome.ts';
import type { CallModelDeps, ModelCall } from './callModel.ts';
import type { CachedReply } from './resultCache.ts';

/** The step that an earlier run's answer makes, as if it had streamed in; null where the model has to be asked. Never fails a branch. */
export async function askCache(
  { cache: wanted, provider, request, step, turn }: ModelCall,
  { cache, blobs }: CallModelDeps,
  log: BranchLog,
): Promise<StepResult | null> {
  if (cache === undefined || wanted?.read !== true) return null;
  let found: CachedReply | null;
  try {
    found = await cache.get({ provider, request, repeat: wanted.repeat }, wanted);
  } catch (error) {
    log.write({ type: 'branch-note', text: messageOf(error) });
    return null;
  }
  if (found === null) return null;
  const { reply, costUsd } = found;
  log.write({ type: 'first-token', step });
  for (const block of reply.content) if (block.type === 'text') log.text(step, String(block['text']));
  const result: StepResult = {
    step,
    turn,
    reply: await blobs.put(reply),
    model: reply.model,
    stopReason: reply.stopReason,
    usage: noUsage,
    toolCalls: toolUses(reply.content).length,
    costUsd: 0,
    cached: { usage: reply.usage, costUsd },
  };
  await log.append({ type: 'step-completed', result });
  return result;
}

/** Keeps a reply for later runs. Where that fails the run's log says so, and the branch goes on. */
export async function keepReply(
  { cache: wanted, provider, request }: ModelCall,
  cached: CachedReply,
  { cache }: CallModelDeps,
  log: BranchLog,
): Promise<void> {
  if (cache === undefined || wanted === undefined) return;
  try {
    await cache.put({ provider, request, repeat: wanted.repeat }, cached, wanted);
  } catch (error) {
    log.write({ type: 'branch-note', text: messageOf(error) });
  }
}
