import type { AgentBranchRef, Place, PlaceId, PlaceOrder } from '../../agent/agentPorts.ts';
import { fileTimes } from '../../agent/fileTimes.ts';
import { PlaceError, SetupError } from '../../errors.ts';
import { BranchLog } from '../branchLog.ts';
import type { AgentWorkDeps } from './agentWork.ts';
import { branchEnvironment } from './branchEnvironment.ts';
import { branchTitle } from './branchTitle.ts';
import { passedSetup } from './isPrepared.ts';
import { bytesOfBlob, type LoadedBranch, loadBranch, placedFilesAt } from './loadBranch.ts';
import { openPlace } from './openPlace.ts';

/** Makes a branch's place, writes its session and runs its set-up; what an earlier attempt did of it is not done again. */
export async function prepareBranch(ref: AgentBranchRef, deps: AgentWorkDeps, signal: AbortSignal): Promise<void> {
  const loaded = await loadBranch(ref, deps);
  const id = { runId: ref.runId, name: ref.branchId };
  const readyAt = loaded.own.findLastIndex((event) => event.type === 'place-ready');
  // What was said of a place that was removed since says nothing of the one that is made now.
  const there = await openPlace(id, deps.places);
  const isKept = readyAt !== -1 && there !== null;
  const place = there ?? (await deps.places.create(await placeOrder(id, loaded, deps), signal));
  signal.throwIfAborted();
  if (loaded.agent.permissions === 'bypass' && place.kind !== 'overlay' && !deps.inContainer()) {
    throw new PlaceError(
      `Without questions an agent works in an overlay or in a container only, and this place is a ${place.kind}.`,
      'Use the permissions ask or deny, or see why no overlay can be had with `forkpoint fork … --dry-run`.',
    );
  }
  const log = new BranchLog(ref, deps);
  // Of an attempt that came no further than its set-up the place is kept, but not the session.
  await writeSession(loaded, place, deps);
  if (!isKept) {
    await log.append({
      type: 'place-ready',
      place: { kind: place.kind, path: place.path, root: place.root },
      sessionId: loaded.sessionId,
      port: await deps.freePort(),
      notes: [...place.notes],
    });
  }
  const env = await branchEnvironment(loaded.plan, loaded.branch, deps.runs);
  // Before anything is set up: whoever removes the place may have nothing else left of the run.
  await deps.places.keepTeardown(id, { commands: loaded.agent.teardown, env });
  const since = isKept ? loaded.own.slice(readyAt) : [];
  await runSetup({ ...loaded, own: since }, place, isKept, env, log, deps, signal);
}

async function placeOrder(id: PlaceId, { agent, chain }: LoadedBranch, deps: AgentWorkDeps): Promise<PlaceOrder> {
  return {
    id,
    kind: agent.place,
    folder: agent.folder,
    base: agent.base,
    files: (await placedFilesAt(agent.files, deps.blobs)).files,
    readBlob: (ref) => bytesOfBlob(ref, deps),
    times: fileTimes(chain.lines),
    include: agent.include,
  };
}

async function writeSession(loaded: LoadedBranch, place: Place, deps: AgentWorkDeps): Promise<void> {
  const { plan, branch, agent, chain, sessionId } = loaded;
  const to = place.toPlace(place.projectRoot);
  const state = await deps.sessions.state(agent.configDir, sessionId, chain);
  if (state.file !== null) return;
  await deps.sessions.write({
    chain,
    configDir: agent.configDir,
    sessionId,
    source: plan.session.sessionId,
    cwd: place.path,
    rewrite: to === place.projectRoot ? null : { from: place.projectRoot, to },
    title: branchTitle(plan, branch),
  });
}

async function runSetup(
  { plan, agent, own }: LoadedBranch,
  place: Place,
  isKept: boolean,
  ownEnv: Readonly<Record<string, string>>,
  log: BranchLog,
  deps: AgentWorkDeps,
  signal: AbortSignal,
): Promise<void> {
  const passed = passedSetup(own);
  const told = new Set(own.flatMap((event) => (event.type === 'setup-ended' ? [event.result.name] : [])));
  // In a reused place the first command without a result is the one that an earlier attempt was running.
  const inDoubt = isKept ? agent.setup.find((command) => !passed.has(command)) : undefined;
  if (inDoubt !== undefined && !told.has(inDoubt)) {
    const text = `The set-up command "${inDoubt}" may have been begun before this branch was interrupted: it runs again.`;
    await log.append({ type: 'branch-note', text });
  }
  for (const command of agent.setup) {
    if (passed.has(command)) continue;
    const env = { ...deps.commandEnv(), ...ownEnv };
    const spec = { name: command, run: command, timeoutSeconds: plan.timeoutSeconds };
    const result = await deps.checks.run(place, spec, env, signal);
    await log.append({ type: 'setup-ended', result });
    if (result.passed) continue;
    signal.throwIfAborted();
    throw new SetupError(
      `The set-up command "${command}" failed${result.exitCode === null ? '' : ` with exit code ${result.exitCode}`}.`,
      'Look at its output, open a terminal in the branch, then run Retry Failed.',
      { command, exitCode: result.exitCode },
    );
  }
}
