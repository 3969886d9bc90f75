import type { PlaceOrder } from '../../agent/agentPorts.ts';
import type { AgentPlan } from '../../agent/agentSettings.ts';
import { messageOf } from '../../errors.ts';
import type { ForkPlan } from '../../fork/forkPlan.ts';
import type { RunId } from '../../ids.ts';
import type { AgentWorkDeps } from './agentWork.ts';
import { cachedCheck } from './cachedCheck.ts';
import { bytesOfBlob, placedFilesAt } from './loadBranch.ts';
import { removePlaceOf } from './removePlace.ts';

type Baseline = 'fork-point' | 'recorded';

/**
 * Runs the checks on the state that the branches begin with and, where it is known, on the one that the recorded course
 * ended with: each in a place of its own that is removed again. What keeps one from being checked is in the log.
 */
export async function checkBaselines(runId: RunId, deps: AgentWorkDeps, signal: AbortSignal): Promise<void> {
  const plan = await deps.runs.plan(runId);
  const { agent } = plan;
  if (agent === null || agent.checks.length === 0) return;
  const done = (await deps.runs.events(runId)).flatMap((event) =>
    event.type === 'baseline-checked' ? [`${event.state} ${event.result.name}`] : [],
  );
  const states: Baseline[] = ['fork-point', ...(agent.recordedEnd === null ? [] : (['recorded'] as const))];
  for (const state of states) {
    if (agent.checks.every(({ name }) => done.includes(`${state} ${name}`))) continue;
    const reason = await checkBaseline(plan, agent, state, deps, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      return messageOf(error);
    });
    if (reason !== null) await deps.runs.append({ type: 'baseline-failed', runId, at: now(deps), state, reason });
  }
}

/** @returns why it could not be prepared, null where it was checked */
async function checkBaseline(
  plan: ForkPlan,
  agent: AgentPlan,
  state: Baseline,
  deps: AgentWorkDeps,
  signal: AbortSignal,
): Promise<string | null> {
  const { runId } = plan;
  const id = { runId, name: state };
  const order = await baselineOrder(id, agent, deps);
  // What a killed process left in it is not the state that is asked for.
  await removePlaceOf(id, deps);
  const place = await deps.places.create(order, signal);
  try {
    const own = { FORKPOINT_RUN: runId, FORKPOINT_BRANCH: state };
    await deps.places.keepTeardown(id, { commands: agent.teardown, env: own });
    const env = { ...deps.commandEnv(), ...own };
    for (const command of agent.setup) {
      const spec = { name: command, run: command, timeoutSeconds: 600 };
      const { passed, exitCode } = await deps.checks.run(place, spec, env, signal);
      signal.throwIfAborted();
      if (!passed)
        return `The set-up command "${command}" ${exitCode === null ? 'took too long' : `failed with exit code ${exitCode}`}.`;
    }
    for (const spec of agent.checks) {
      signal.throwIfAborted();
      // Of the cache there is nothing to tell here: the branches do.
      const result = await cachedCheck(place, spec, { plan, own, note: () => {} }, deps, signal);
      // One that was broken off says nothing of the state.
      signal.throwIfAborted();
      await deps.runs.append({ type: 'baseline-checked', runId, at: now(deps), state, result });
    }
    return null;
  } finally {
    await removePlaceOf(id, deps).catch(() => {});
  }
}

async function baselineOrder(id: PlaceOrder['id'], agent: AgentPlan, deps: AgentWorkDeps): Promise<PlaceOrder> {
  const ends =
    id.name === 'recorded' && agent.recordedEnd !== null ? await placedFilesAt(agent.recordedEnd, deps.blobs) : null;
  const begins = await placedFilesAt(agent.files, deps.blobs);
  // What the recorded course changed goes over what the fork point held.
  const changed = new Set(ends?.files.map(({ path }) => path));
  return {
    id,
    kind: agent.place,
    folder: agent.folder,
    base: agent.base,
    files: [...begins.files.filter(({ path }) => !changed.has(path)), ...(ends?.files ?? [])],
    readBlob: (ref) => bytesOfBlob(ref, deps),
    include: agent.include,
  };
}

function now({ clock }: AgentWorkDeps): string {
  return new Date(clock.now()).toISOString();
}
