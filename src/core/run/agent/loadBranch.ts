import type { AgentBranchRef } from '../../agent/agentPorts.ts';
import {
  type AgentPlan,
  type AgentPrompts,
  agentPromptsSchema,
  type BranchChain,
  branchChainSchema,
  type PlacedFiles,
  placedFilesSchema,
} from '../../agent/agentSettings.ts';
import type { BlobStore } from '../../blobStore.ts';
import type { BranchPlan, ForkPlan } from '../../fork/forkPlan.ts';
import type { BlobRef } from '../../ids.ts';
import type { BranchEvent } from '../branchEvent.ts';
import type { AgentWorkDeps } from './agentWork.ts';
import { branchSessionId } from './branchSessionId.ts';

/** A branch as its work needs it: the plan with the bodies that it refers to. */
export interface LoadedBranch {
  plan: ForkPlan;
  branch: BranchPlan;
  agent: AgentPlan;
  prompts: AgentPrompts;
  chain: BranchChain;
  sessionId: string;
  /** The run's log so far. */
  events: BranchEvent[];
  /** Those of this branch, of all attempts. */
  own: EventOfBranch[];
}

type EventOfBranch = Extract<BranchEvent, { branchId: unknown }>;

/** @throws NotFoundError, StorageError */
export async function loadBranch(ref: AgentBranchRef, deps: AgentWorkDeps): Promise<LoadedBranch> {
  const plan = await deps.runs.plan(ref.runId);
  const branch = plan.branches.find(({ branchId }) => branchId === ref.branchId);
  const { agent } = plan;
  if (agent === null || branch?.agent === undefined) throw new Error(`${ref.branchId} is no branch of an agent.`);
  const [prompts, chain, events] = await Promise.all([
    deps.blobs.get(branch.agent).then((value) => agentPromptsSchema.parse(value)),
    deps.blobs.get(agent.chain).then((value) => branchChainSchema.parse(value)),
    deps.runs.events(ref.runId),
  ]);
  const own = events.filter((event): event is EventOfBranch => 'branchId' in event && event.branchId === ref.branchId);
  return { plan, branch, agent, prompts, chain, sessionId: branchSessionId(ref, deps.sha256), events, own };
}

/** Events of a branch since somebody ran it again. */
export function sinceReset(own: LoadedBranch['own']): LoadedBranch['own'] {
  return own.slice(own.findLastIndex((event) => event.type === 'branch-reset') + 1);
}

/** The files behind a reference of the plan. */
export async function placedFilesAt(ref: BlobRef, blobs: BlobStore): Promise<PlacedFiles> {
  return placedFilesSchema.parse(await blobs.get(ref));
}

/** The bytes of a placed file's blob, which holds them as base64. */
export async function bytesOfBlob(
  ref: BlobRef,
  deps: Pick<AgentWorkDeps, 'blobs' | 'decodeBase64'>,
): Promise<Uint8Array> {
  const value = await deps.blobs.get(ref);
  const base64 = value !== null && typeof value === 'object' && 'base64' in value ? value.base64 : null;
  if (typeof base64 !== 'string') throw new Error(`Blob ${ref} holds no file.`);
  return deps.decodeBase64(base64);
}
