import type { AgentBranchRef, Place } from '../../agent/agentPorts.ts';
import { messageOf } from '../../errors.ts';
import type { RunId } from '../../ids.ts';
import { BranchLog } from '../branchLog.ts';
import type { AgentWorkDeps } from './agentWork.ts';
import { branchEnvironment } from './branchEnvironment.ts';
import { cachedCheck } from './cachedCheck.ts';
import type { LaterChanges } from './laterChanges.ts';
import { type LoadedBranch, loadBranch } from './loadBranch.ts';
import { measureBranchPrefix } from './measureBranchPrefix.ts';
import { openPlace } from './openPlace.ts';

/**
 * Finds out what a branch changed, however it ended, and runs its checks where it came to its end.
 * @param signal ends the checks only @throws the signal's reason after an abort
 */
export async function finishBranch(
  { checks, ...ref }: AgentBranchRef & { checks: boolean },
  deps: AgentWorkDeps,
  signal: AbortSignal,
): Promise<void> {
  const loaded = await loadBranch(ref, deps);
  const place = await openPlace({ runId: ref.runId, name: ref.branchId }, deps.places);
  if (place === null) return;
  const log = new BranchLog(ref, deps);
  const isMeasured = loaded.own.some((event) => event.type === 'prefix-measured');
  const measured = isMeasured ? null : measureBranchPrefix(loaded, deps).catch(() => null);
  // Caught below: nobody waits for it until the other is through.
  const changes = place.changes();
  changes.catch(() => {});
  const prefix = await measured;
  if (prefix !== null) await log.append({ type: 'prefix-measured', prefix });
  await logChanges(ref.runId, place, changes, log, deps).catch((error: unknown) =>
    // What the branch said is worth as much without it.
    log.append({ type: 'branch-note', text: `What it changed can't be told: ${messageOf(error)}` }),
  );
  if (checks) await runChecks(loaded, place, 'cached', log, deps, signal);
}

/** Files and commits of a branch, as they are now. */
async function logChanges(
  runId: RunId,
  place: Place,
  found: ReturnType<Place['changes']>,
  log: BranchLog,
  deps: AgentWorkDeps,
): Promise<void> {
  const changes = await found;
  const files = await deps.changes.files(runId, { a: null, b: changes });
  const commits = await place.commits();
  const stored = await deps.blobs.put(changes);
  await log.append({ type: 'files-changed', files, commits, changes: stored, notes: changes.notes });
}

/** Takes what was changed in a branch's place after its end for what the branch changed. */
export function takeLaterChanges(
  ref: AgentBranchRef,
  { place, changes }: LaterChanges,
  deps: AgentWorkDeps,
): Promise<void> {
  return logChanges(ref.runId, place, Promise.resolve(changes), new BranchLog(ref, deps), deps);
}

async function runChecks(
  { plan, branch, agent }: LoadedBranch,
  place: Place,
  how: 'cached' | 'anew',
  log: BranchLog,
  deps: AgentWorkDeps,
  signal: AbortSignal,
): Promise<void> {
  const own = await branchEnvironment(plan, branch, deps.runs);
  const note = (text: string) => log.write({ type: 'branch-note', text });
  for (const spec of agent.checks) {
    signal.throwIfAborted();
    const result =
      how === 'cached'
        ? await cachedCheck(place, spec, { plan, own, note }, deps, signal)
        : await deps.checks.run(place, spec, { ...deps.commandEnv(), ...own }, signal);
    // One that was broken off says nothing of the branch.
    signal.throwIfAborted();
    await log.append({ type: 'check-ended', result });
  }
}

/** Runs the checks of a branch again in its place. */
export async function checkBranch(ref: AgentBranchRef, deps: AgentWorkDeps, signal: AbortSignal): Promise<void> {
  const loaded = await loadBranch(ref, deps);
  const place = await deps.places.open({ runId: ref.runId, name: ref.branchId });
  await runChecks(loaded, place, 'anew', new BranchLog(ref, deps), deps, signal);
}
