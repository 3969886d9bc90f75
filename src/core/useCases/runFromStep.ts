import { storedReplySchema } from '../api/storedReply.ts';
import { noUsage } from '../api/usage.ts';
import type { BlobStore } from '../blobStore.ts';
import { BadInputError, NotFoundError } from '../errors.ts';
import type { ForkPlan } from '../fork/forkPlan.ts';
import { plural } from '../format.ts';
import { type BranchId, branchIdSchema, type RunId } from '../ids.ts';
import { refusals } from '../run/amendPlan.ts';
import type { BranchEvent } from '../run/branchEvent.ts';
import type { StepResult } from '../run/branchOutcome.ts';
import { nameOf } from '../run/nameOf.ts';
import type { BranchView, RunView } from '../run/runView.ts';

/** A step of a branch, 1-based, from which it is run again: it and what came after it are asked anew. */
export interface FromStep {
  branchId: BranchId;
  step: number;
}

/**
 * The steps of a branch that stay when it is run again from a step.
 * @throws NotFoundError where the branch has no such step; BadInputError where Claude Code answered
 */
export function keptSteps(view: RunView, { branchId, step }: FromStep): StepResult[] {
  const branch = branchOf(view, branchId);
  if (view.executor === 'claude-code') {
    throw new BadInputError(
      'Only a branch that the Messages API answered can be run again from a step.',
      branch.sessionId === null
        ? 'Fork the recorded session once more.'
        : `The agent left a session of its own, which can be forked at any step: forkpoint inspect ${branch.sessionId}`,
    );
  }
  if (Number.isInteger(step) && step >= 1 && step <= branch.results.length) return branch.results.slice(0, step - 1);
  const { length } = branch.results;
  throw new NotFoundError(
    `Branch ${nameOf(branch)} has no step ${step}.`,
    length === 0 ? 'No reply of it has come.' : length === 1 ? 'It has one step: 1.' : `Its steps are 1 to ${length}.`,
    { steps: length },
  );
}

/**
 * A new run of one branch that goes on before a step of it. What it keeps stands in its log from the beginning, as answers of an earlier
 * run: they cost nothing again, and the engine goes on behind them as it does after an interruption.
 * @param as.runId of the new run
 * @param as.createdAt ISO 8601
 * @throws as `keptSteps` does
 */
export async function runFromStep(
  { plan, view }: { plan: ForkPlan; view: RunView },
  from: FromStep,
  { runId, createdAt }: { runId: RunId; createdAt: string },
  blobs: Pick<BlobStore, 'get'>,
): Promise<{ plan: ForkPlan; events: BranchEvent[] }> {
  const kept = keptSteps(view, from);
  const source = plan.branches.find((branch) => branch.branchId === from.branchId);
  if (source === undefined) throw refusals.unknown(from.branchId);
  const branchId = branchIdSchema.parse('b1');
  const begins = kept.length === 0 ? '' : ` Its first ${plural(kept.length, 'reply', 'replies')} came from there.`;
  const origin = `Runs branch ${nameOf(source)} of run ${view.runId} again from step ${from.step}.${begins}`;
  const { schedule: _fired, ...rest } = plan;
  const branch = {
    ...source,
    branchId,
    repeat: 1,
    repeats: 1,
    notes: [...source.notes, origin],
    cacheGroup: null,
    leads: false,
    // Whoever asks again wants another answer.
    usesCache: false,
  };
  const events: BranchEvent[] = [];
  for (const result of kept) {
    const { content } = storedReplySchema.parse(await blobs.get(result.reply));
    const text = content.flatMap((block) => (block.type === 'text' ? [String(block['text'])] : [])).join('');
    const of = { runId, branchId, at: createdAt };
    if (text !== '') events.push({ type: 'text-delta', ...of, step: result.step, text, outputTokens: null });
    events.push({ type: 'step-completed', ...of, result: asKept(result) });
  }
  return { plan: { ...rest, runId, createdAt, branches: [branch] }, events };
}

function asKept({ usageMissing: _there, ...result }: StepResult): StepResult {
  const { usage, costUsd } = result;
  return { ...result, usage: noUsage, costUsd: 0, cached: result.cached ?? { usage, costUsd } };
}

function branchOf(view: RunView, branchId: BranchId): BranchView {
  const branch = view.branches.find((candidate) => candidate.branchId === branchId);
  if (branch === undefined) throw refusals.unknown(branchId);
  return branch;
}
