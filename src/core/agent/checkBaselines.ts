import type { RunId } from '../ids.ts';
import type { AgentPlan } from './agentSettings.ts';
import type { AgentWorkDeps } from './agentWork.ts';
import { bytesOfBlob, placedFilesAt } from './loadBranch.ts';

type Baseline = 'fork-point' | 'recorded';

/**
 * Runs the checks on the state that the branches begin with and, where it is known, on the one that the recorded course
 * ended with: each in a place of its own that is removed again.
 */
export async function checkBaselines(runId: RunId, deps: AgentWorkDeps, signal: AbortSignal): Promise<void> {
  const { agent } = await deps.runs.plan(runId);
  if (agent === null || agent.checks.length === 0) return;
  const done = (await deps.runs.events(runId)).flatMap((event) =>
    event.type === 'baseline-checked' ? [`${event.state} ${event.result.name}`] : [],
  );
  const states: Baseline[] = ['fork-point', ...(agent.recordedEnd === null ? [] : (['recorded'] as const))];
  for (const state of states) {
    if (agent.checks.every(({ name }) => done.includes(`${state} ${name}`))) continue;
    await checkBaseline(runId, agent, state, deps, signal);
  }
}

async function checkBaseline(
  runId: RunId,
  agent: AgentPlan,
  state: Baseline,
  deps: AgentWorkDeps,
  signal: AbortSignal,
): Promise<void> {
  const id = { runId, name: state };
  const ends =
    state === 'recorded' && agent.recordedEnd !== null ? await placedFilesAt(agent.recordedEnd, deps.blobs) : null;
  const begins = await placedFilesAt(agent.files, deps.blobs);
  // What the recorded course changed goes over what the fork point held.
  const changed = new Set(ends?.files.map(({ path }) => path));
  const files = [...begins.files.filter(({ path }) => !changed.has(path)), ...(ends?.files ?? [])];
  const place = await deps.places.create(
    {
      id,
      kind: agent.place,
      folder: agent.folder,
      base: agent.base,
      files,
      readBlob: (ref) => bytesOfBlob(ref, deps),
      include: agent.include,
    },
    signal,
  );
  try {
    const env = { ...deps.commandEnv(), FORKPOINT_RUN: runId, FORKPOINT_BRANCH: state };
    for (const command of agent.setup) {
      const spec = { name: command, run: command, timeoutSeconds: 600 };
      if (!(await deps.checks.run(place, spec, env, signal)).passed) return;
    }
    for (const spec of agent.checks) {
      signal.throwIfAborted();
      const result = await deps.checks.run(place, spec, env, signal);
      // One that was broken off says nothing of the state.
      signal.throwIfAborted();
      const at = new Date(deps.clock.now()).toISOString();
      await deps.runs.append({ type: 'baseline-checked', runId, at, state, result });
    }
  } finally {
    await deps.places.remove(id).catch(() => {});
  }
}
