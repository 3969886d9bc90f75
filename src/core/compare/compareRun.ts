import { NotFoundError } from '../errors.ts';
import { type Baseline, baselineSchema, type ForkPlan, recordingSchema } from '../fork/forkPlan.ts';
import { storedReplySchema } from '../run/branchOutcome.ts';
import type { BlobStore } from '../run/ports.ts';
import type { BranchView, RunView } from '../run/runView.ts';
import { addUsage, noUsage } from '../session/recordedSession.ts';
import { type ComparedSide, comparePair, type TextDiff } from './compareBranches.ts';
import { type ComparedBranch, type Comparison, recordedName } from './comparison.ts';
import { renderTrajectory } from './renderTrajectory.ts';
import { type Trajectory, trajectoryOfBaseline, trajectoryOfBranch } from './trajectory.ts';

/**
 * Compares the branches of a run with what was recorded, or one pair.
 * @param pair branch ids, branch names or `recorded`
 * @throws NotFoundError where a name fits no branch
 */
export async function compareRun(
  plan: ForkPlan,
  view: RunView,
  pair: { a: string; b: string } | null,
  deps: { blobs: BlobStore; textDiff: TextDiff },
): Promise<Comparison> {
  const baseline = baselineSchema.parse(await deps.blobs.get(plan.baseline));
  const recorded = sideOfBaseline(baseline, plan);
  const branches = await Promise.all(view.branches.map((branch) => sideOfBranch(plan, branch, deps.blobs)));
  const sides = [recorded, ...branches];
  const pairs =
    pair === null
      ? branches.map((branch) => [recorded, branch] as const)
      : [[find(sides, pair.a, plan), find(sides, pair.b, plan)] as const];
  return {
    baseline: recorded.shown,
    branches: branches.map((side) => side.shown),
    pairs: pairs.map(([a, b]) => comparePair(a, b, deps.textDiff)),
  };
}

function find(sides: readonly ComparedSide[], name: string, plan: ForkPlan): ComparedSide {
  const side =
    sides.find(({ shown }) => shown.id === name) ??
    sides.find(({ shown }) => shown.name === name) ??
    sides.find(({ shown }) => shown.name === `${name} #1`);
  if (side !== undefined) return side;
  throw new NotFoundError(
    `Run ${plan.runId} has no branch "${name}".`,
    `It has: ${sides.map(({ shown }) => `${shown.name} (${shown.id})`).join(', ')}.`,
  );
}

function sideOfBaseline(baseline: Baseline, plan: ForkPlan): ComparedSide {
  const trajectory = trajectoryOfBaseline(baseline);
  const span = [baseline.startedAt, baseline.endedAt].map((at) => (at === null ? Number.NaN : Date.parse(at)));
  const durationMs = (span[1] ?? Number.NaN) - (span[0] ?? Number.NaN);
  return side(trajectory, plan, {
    id: recordedName,
    name: recordedName,
    model: baseline.steps.at(-1)?.model ?? null,
    state: 'recorded',
    stopReason: baseline.steps.at(-1)?.stopReason ?? null,
    usage: baseline.steps.reduce((sum, step) => addUsage(sum, step.usage), noUsage),
    costUsd: null,
    durationMs: Number.isFinite(durationMs) && durationMs >= 0 ? durationMs : null,
  });
}

async function sideOfBranch(plan: ForkPlan, branch: BranchView, blobs: BlobStore): Promise<ComparedSide> {
  const replies = await Promise.all(
    branch.results.map(async (result) => ({
      turn: result.turn,
      reply: storedReplySchema.parse(await blobs.get(result.reply)),
    })),
  );
  const planned = plan.branches.find((candidate) => candidate.branchId === branch.branchId);
  const recording =
    planned === undefined
      ? { prefixMessages: 0, turns: [{ turn: 0, prompt: null, calls: [] }], strictOrder: false }
      : recordingSchema.parse(await blobs.get(planned.recording));
  const trajectory = trajectoryOfBranch(replies, recording, {
    stopReason: branch.stopReason ?? branch.error?.code ?? branch.state,
    unfinishedText: branch.unfinishedText,
  });
  const [start, end] = [branch.startedAt, branch.endedAt];
  return side(trajectory, plan, {
    id: branch.branchId,
    name: branch.repeats > 1 ? `${branch.name} #${branch.repeat}` : branch.name,
    model: branch.model,
    state: branch.state,
    stopReason: branch.stopReason,
    usage: branch.usage,
    costUsd: branch.costUsd,
    durationMs: start !== null && end !== null ? Date.parse(end) - Date.parse(start) : null,
  });
}

function side(
  trajectory: Trajectory,
  plan: ForkPlan,
  facts: Omit<ComparedBranch, 'steps' | 'toolCalls' | 'document'>,
): ComparedSide {
  const projectPath = plan.session.projectPath;
  return {
    trajectory,
    projectPath,
    shown: {
      ...facts,
      steps: trajectory.steps.length,
      toolCalls: trajectory.steps.reduce((sum, step) => sum + step.calls.length, 0),
      document: renderTrajectory(trajectory, projectPath),
    },
  };
}
