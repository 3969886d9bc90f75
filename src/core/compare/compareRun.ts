// src/core/compare: what differs between a run's branches and the recording. Nothing that starts or steers a run.

import * as z from 'zod';
import type { ChangedFile } from '../agent/agentFacts.ts';
import { storedReplySchema } from '../api/storedReply.ts';
import { addUsage, noUsage } from '../api/usage.ts';
import type { BlobStore } from '../blobStore.ts';
import { BadInputError, NotFoundError } from '../errors.ts';
import {
  type Baseline,
  baselineSchema,
  type ForkPlan,
  type RecordedAnswers,
  recordedAnswersSchema,
} from '../fork/forkPlan.ts';
import { nameOf } from '../run/nameOf.ts';
import type { BranchView, RunView } from '../run/runView.ts';
import { baselineProblems } from './baselineProblems.ts';
import { type ComparedSide, comparePair, type TextDiff } from './compareBranches.ts';
import { type ComparedBranch, type ComparedPair, type Comparison, recordedName } from './comparison.ts';
import { recordedPaths } from './recordedPaths.ts';
import {
  type RealResults,
  type Trajectory,
  trajectoryOfAgent,
  trajectoryOfBaseline,
  trajectoryOfBranch,
} from './trajectory.ts';
import { documentOf, trajectoryLines } from './trajectoryLines.ts';

export interface CompareDeps {
  blobs: BlobStore;
  textDiff: TextDiff;
  /** Files that differ between two sides (branch ids or `recorded`) of a run whose branches really worked. @throws NotFoundError, BadInputError where a side's files aren't known */
  files?: (a: string, b: string) => Promise<ChangedFile[]>;
}

const storedResultSchema = z.object({ content: z.unknown() });

/**
 * Compares the branches of a run with what was recorded, or one pair.
 * @param pair branch ids, branch names or `recorded`
 * @throws NotFoundError where a name fits no branch
 */
export async function compareRun(
  plan: ForkPlan,
  view: RunView,
  pair: { a: string; b: string } | null,
  deps: CompareDeps,
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
    pairs: await Promise.all(
      pairs.map(async ([a, b]) => comparePair(a, b, deps.textDiff, await filesDiff(a, b, plan, deps))),
    ),
    baselineProblems: await baselineProblems(plan, view, deps.blobs),
  };
}

/** Null where the Messages API answered, and where what a side left behind isn't known (yet). */
async function filesDiff(
  a: ComparedSide,
  b: ComparedSide,
  plan: ForkPlan,
  { files }: CompareDeps,
): Promise<ComparedPair['filesDiff']> {
  if (files === undefined || plan.executor === 'api') return null;
  try {
    return { files: await files(a.shown.id, b.shown.id) };
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof BadInputError) return null;
    throw error;
  }
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

/** A branch as one side of a comparison. */
export async function sideOfBranch(plan: ForkPlan, branch: BranchView, blobs: BlobStore): Promise<ComparedSide> {
  const replies = await Promise.all(
    branch.results.map(async (result) => ({
      turn: result.turn,
      reply: storedReplySchema.parse(await blobs.get(result.reply)),
    })),
  );
  const ends = {
    stopReason: branch.stopReason ?? branch.error?.code ?? branch.state,
    unfinishedText: branch.unfinishedText,
  };
  const trajectory =
    plan.agent === null
      ? trajectoryOfBranch(replies, await recordedAnswersOf(plan, branch, blobs), ends)
      : trajectoryOfAgent(
          replies,
          await realResults(branch, blobs),
          ends,
          recordedPaths(branch.place, plan.agent.folder),
        );
  const [start, end] = [branch.startedAt, branch.endedAt];
  return side(trajectory, plan, {
    id: branch.branchId,
    name: nameOf(branch),
    model: branch.model,
    state: branch.state,
    stopReason: branch.stopReason,
    usage: branch.usage,
    costUsd: branch.costUsd,
    durationMs: start !== null && end !== null ? Date.parse(end) - Date.parse(start) : null,
  });
}

async function recordedAnswersOf(plan: ForkPlan, { branchId }: BranchView, blobs: BlobStore): Promise<RecordedAnswers> {
  const planned = plan.branches.find((candidate) => candidate.branchId === branchId);
  if (planned !== undefined) return recordedAnswersSchema.parse(await blobs.get(planned.recording));
  return { prefixMessages: 0, turns: [{ turn: 0, prompt: null, calls: [] }], strictOrder: false };
}

async function realResults({ toolResults }: BranchView, blobs: BlobStore): Promise<RealResults> {
  const entries = await Promise.all(
    Object.entries(toolResults).map(async ([callId, { result, isError }]) => {
      const { content } = storedResultSchema.parse(await blobs.get(result));
      return [callId, { content, isError }] as const;
    }),
  );
  return Object.fromEntries(entries);
}

function side(
  trajectory: Trajectory,
  plan: ForkPlan,
  facts: Omit<ComparedBranch, 'steps' | 'toolCalls' | 'document'>,
): ComparedSide {
  const projectPath = plan.session.projectPath;
  const lines = trajectoryLines(trajectory, projectPath, plan.agent === null ? 'recorded' : 'real');
  return {
    trajectory,
    projectPath,
    lines,
    shown: {
      ...facts,
      steps: trajectory.steps.length,
      toolCalls: trajectory.steps.reduce((sum, step) => sum + step.calls.length, 0),
      document: documentOf(lines),
    },
  };
}
