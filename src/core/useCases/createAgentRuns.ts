import type { FailedTeardown } from '../agent/agentFacts.ts';
import type { FoundAgent, Place, PlaceInfo, PlaceOption } from '../agent/agentPorts.ts';
import type { AgentPlan } from '../agent/agentSettings.ts';
import type { ApplyPlan, ChangeApplier } from '../changes/applyChanges.ts';
import type { ChangeSet, FileVersion } from '../changes/changes.ts';
import { changeSetOf } from '../changes/storedChanges.ts';
import { BadInputError, NotFoundError, PlaceError } from '../errors.ts';
import type { ForkPlan } from '../fork/forkPlan.ts';
import type { BranchId, RunId } from '../ids.ts';
import type { AgentWorkDeps } from '../run/agent/agentWork.ts';
import { branchEnvironment } from '../run/agent/branchEnvironment.ts';
import { checkBranch, takeLaterChanges } from '../run/agent/finishBranch.ts';
import { laterChanges } from '../run/agent/laterChanges.ts';
import { noChanges } from '../run/agent/noChanges.ts';
import { removePlace } from '../run/agent/removePlace.ts';
import { foldRun } from '../run/foldRun.ts';
import type { BranchView, RunView } from '../run/runView.ts';
import {
  type AgentRuns,
  type Continuation,
  forkPointName,
  type OpenQuestion,
  type RemovedPlace,
  recordedStateName,
} from './agentRuns.ts';

export interface AgentRunsDeps extends AgentWorkDeps {
  find: () => Promise<FoundAgent | null>;
  applier: ChangeApplier;
  /** What differs between the fork point and the recorded end. */
  recordedChanges: (plan: ForkPlan, agent: AgentPlan) => Promise<ChangeSet>;
  /** Keeps a patch of a place that is removed; gives its file. */
  keepPatch: (runId: RunId, name: string, patch: string) => Promise<string>;
  /** The commit that is checked out in a folder, null outside of git. */
  headOf: (folder: string) => Promise<string | null>;
}

/** What can be done with agent runs, on the given ports. */
export function createAgentRuns(deps: AgentRunsDeps): AgentRuns {
  return new Runs(deps);
}

class Runs implements AgentRuns {
  readonly #deps: AgentRunsDeps;

  constructor(deps: AgentRunsDeps) {
    this.#deps = deps;
  }

  find(): Promise<FoundAgent | null> {
    return this.#deps.find();
  }

  placeOptions(folder: string): Promise<PlaceOption[]> {
    return this.#deps.places.options(folder);
  }

  async questions(runId?: RunId): Promise<OpenQuestion[]> {
    const ids = runId === undefined ? await this.#deps.runs.list() : [runId];
    const views = await Promise.all(
      ids.map((id) =>
        this.#view(id).catch((error: unknown) => {
          // Of all runs one may be damaged; the one that was asked for must not be.
          if (runId !== undefined) throw error;
          return null;
        }),
      ),
    );
    const open = views.flatMap((view) =>
      view === null ? [] : view.branches.flatMap((branch) => openOf(view, branch)),
    );
    return open.sort((a, b) => (a.askedAt < b.askedAt ? -1 : 1));
  }

  async files(runId: RunId, a: string, b: string) {
    const run = await this.#agentRun(runId);
    return this.#deps.changes.files(runId, { a: await this.#side(run, a), b: await this.#side(run, b) });
  }

  async patch(runId: RunId, a: string, b: string): Promise<string> {
    const run = await this.#agentRun(runId);
    return this.#deps.changes.patch(runId, { a: await this.#side(run, a), b: await this.#side(run, b) });
  }

  async content(runId: RunId, side: string, path: string): Promise<Uint8Array | null> {
    const version = await this.#versionOf(await this.#agentRun(runId), side, path);
    return version === null ? null : this.#deps.changes.read(runId, version.oid);
  }

  async check(runId: RunId, branch: string | null, signal: AbortSignal): Promise<RunView> {
    const { agent, view } = await this.#agentRun(runId);
    if (agent.checks.length === 0) {
      throw new BadInputError('This run has no checks.', 'Fork again with checks: --check "npm test".');
    }
    const branches = branch === null ? view.branches : [branchOf(view, branch)];
    for (const { name, state } of branches) {
      if (state === 'running' || state === 'waiting') throw atWork(name);
    }
    const placed = branches.filter(({ place }) => place !== null);
    if (placed.length === 0) {
      throw new NotFoundError('There is no place to run the checks in: no agent was started.', 'Retry the run first.');
    }
    for (const { branchId } of placed) await checkBranch({ runId, branchId }, this.#deps, signal);
    return this.#view(runId);
  }

  async laterChanges(runId: RunId, branch: string): Promise<string[] | null> {
    const { view } = await this.#agentRun(runId);
    try {
      return (await laterChanges(view, branchOf(view, branch), this.#deps))?.paths ?? [];
    } catch (error) {
      if (error instanceof PlaceError) return null;
      throw error;
    }
  }

  async takeLaterChanges(runId: RunId, branch: string): Promise<string[]> {
    const { view } = await this.#agentRun(runId);
    const found = branchOf(view, branch);
    const later = await laterChanges(view, found, this.#deps);
    if (later === null) return [];
    await takeLaterChanges({ runId, branchId: found.branchId }, later, this.#deps);
    return later.paths;
  }

  async planApply(runId: RunId, branch: string, folder?: string): Promise<ApplyPlan> {
    const { view } = await this.#agentRun(runId);
    const { changes, name } = await this.#changesOf(view, branch);
    return this.#deps.applier.plan({ runId, changes, root: folder ?? changes.root, name });
  }

  apply: AgentRuns['apply'] = (plan) => this.#deps.applier.apply(plan);

  async toGitBranch(runId: RunId, branch: string, name: string) {
    const { agent, plan, view } = await this.#agentRun(runId);
    const { changes, name: of } = await this.#changesOf(view, branch);
    const base = agent.base ?? (await this.#deps.headOf(agent.folder));
    if (base === null) {
      throw new BadInputError(
        `${agent.folder} is in no git repository with a commit.`,
        'Apply the branch to the folder instead.',
      );
    }
    const message = `${plan.title}\n\nBranch "${of}" of Forkpoint run ${runId}.`;
    return this.#deps.applier.toGitBranch({ runId, changes, folder: changes.root, name, base, message });
  }

  async place(runId: RunId, branch: string): Promise<Place> {
    const { view } = await this.#agentRun(runId);
    return this.#deps.places.open({ runId, name: branchOf(view, branch).branchId });
  }

  async continuation(runId: RunId, branch: string): Promise<Continuation> {
    const { plan, agent, view } = await this.#agentRun(runId);
    const { branchId, sessionId, name, state } = branchOf(view, branch);
    if (sessionId === null) {
      throw new NotFoundError(`"${name}" has no session yet.`, 'Wait until its place is ready, or run Retry Failed.');
    }
    if (state === 'running' || state === 'waiting') throw atWork(name);
    const place = await this.#deps.places.open({ runId, name: branchId });
    const env = await this.#environment(plan, branchId);
    return {
      ...place.commandLine([agent.program, '--resume', sessionId]),
      env: { ...env, CLAUDE_CONFIG_DIR: agent.configDir },
    };
  }

  async command(runId: RunId, branch: string, command: readonly string[]): Promise<Continuation> {
    const { plan, view } = await this.#agentRun(runId);
    const { branchId, name, state } = branchOf(view, branch);
    const place = await this.#deps.places.open({ runId, name: branchId });
    if (place.kind === 'overlay' && (state === 'running' || state === 'waiting')) throw atWork(name);
    return { ...place.commandLine(command), env: await this.#environment(plan, branchId) };
  }

  async #environment(plan: ForkPlan, branchId: BranchId): Promise<Record<string, string>> {
    const planned = plan.branches.find((candidate) => candidate.branchId === branchId);
    return planned === undefined ? {} : branchEnvironment(plan, planned, this.#deps.runs);
  }

  places(): Promise<PlaceInfo[]> {
    return this.#deps.places.list();
  }

  async prune(): Promise<RemovedPlace[]> {
    const removed: RemovedPlace[] = [];
    for (const info of await this.#deps.places.list()) {
      if (!info.orphan || info.inUse) continue;
      // Somebody may miss what it changed. Where that can't be kept, the place is.
      const changes = await (await this.#deps.places.open(info.id)).changes();
      const patch = await this.#deps.changes.patch(info.id.runId, { a: null, b: changes });
      const kept = patch === '' ? null : await this.#deps.keepPatch(info.id.runId, info.id.name, patch);
      const failedTeardowns = await removePlace(info.id, this.#deps);
      removed.push({ place: info, patch: kept, failedTeardowns });
    }
    const left = new Set((await this.#deps.places.list()).map(({ id }) => id.runId));
    const gone = new Set(removed.map(({ place }) => place.id.runId));
    for (const runId of gone) if (!left.has(runId)) await this.#deps.changes.remove(runId);
    return removed;
  }

  async removePlaces(runId: RunId): Promise<FailedTeardown[]> {
    const { agent } = await this.#deps.runs.plan(runId);
    if (agent === null) return [];
    const failed: FailedTeardown[] = [];
    for (const { id } of (await this.#deps.places.list()).filter((info) => info.id.runId === runId)) {
      // Places of earlier versions have nothing kept beside them.
      const env = { FORKPOINT_RUN: runId, FORKPOINT_BRANCH: id.name };
      failed.push(...(await removePlace(id, this.#deps, { commands: agent.teardown, env })));
    }
    await this.#deps.changes.remove(runId);
    return failed;
  }

  async #view(runId: RunId): Promise<RunView> {
    return foldRun(await this.#deps.runs.plan(runId), await this.#deps.runs.events(runId));
  }

  /** A run as it is now, its plan and its log read once. */
  async #agentRun(runId: RunId): Promise<AgentRun> {
    const plan = await this.#deps.runs.plan(runId);
    if (plan.agent === null) {
      throw new BadInputError(
        'This run was answered by the Messages API: it has no files.',
        'Fork again with Claude Code (executor: claude-code).',
      );
    }
    return { plan, agent: plan.agent, view: foldRun(plan, await this.#deps.runs.events(runId)) };
  }

  async #changesOf(view: RunView, wanted: string): Promise<{ changes: ChangeSet; name: string }> {
    const branch = branchOf(view, wanted);
    if (branch.changeSet === null) throw noChanges(branch);
    return { changes: await changeSetOf(branch.changeSet, this.#deps.blobs), name: branch.name };
  }

  /** A side's change set; null for the fork point itself. */
  async #side({ plan, agent, view }: AgentRun, side: string): Promise<ChangeSet | null> {
    if (side === forkPointName) return null;
    if (side !== recordedStateName) return (await this.#changesOf(view, side)).changes;
    if (agent.recordedEnd === null) {
      throw new NotFoundError(
        'What the recorded turn left behind is not known: no file of it is recorded.',
        'Compare with the fork point instead.',
      );
    }
    return this.#deps.recordedChanges(plan, agent);
  }

  /** Where a side didn't change a file, any other state that changed it knows what it was at the fork point. */
  async #versionOf(run: AgentRun, side: string, path: string): Promise<FileVersion | null> {
    const own = (await this.#side(run, side))?.changes.find((change) => change.path === path);
    if (own !== undefined) return own.after;
    for (const set of await this.#allChanges(run)) {
      const change = set.changes.find((candidate) => candidate.path === path);
      if (change !== undefined) return change.before;
    }
    throw new NotFoundError(`Nothing is kept of ${path}: no branch changed it.`, 'Open it in the project instead.');
  }

  async #allChanges(run: AgentRun): Promise<ChangeSet[]> {
    const { agent, view } = run;
    const sides = view.branches.filter(({ changeSet }) => changeSet !== null).map(({ branchId }) => branchId as string);
    if (agent.recordedEnd !== null) sides.push(recordedStateName);
    const sets = await Promise.all(sides.map((side) => this.#side(run, side)));
    return sets.filter((set) => set !== null);
  }
}

interface AgentRun {
  plan: ForkPlan;
  agent: AgentPlan;
  view: RunView;
}

/** A branch by its id, its name with the repeat, or its name. @throws NotFoundError */
function branchOf({ runId, branches }: RunView, wanted: string): BranchView {
  const found =
    branches.find(({ branchId }) => branchId === wanted) ??
    branches.find(({ name, repeat, repeats }) => (repeats > 1 ? `${name} #${repeat}` : name) === wanted) ??
    branches.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  throw new NotFoundError(
    `Run ${runId} has no branch "${wanted}".`,
    `It has: ${branches.map(({ name, branchId }) => `${name} (${branchId})`).join(', ')}.`,
  );
}

function atWork(name: string): BadInputError {
  return new BadInputError(`"${name}" is still at work.`, 'Wait for its end, or cancel it.');
}

function openOf(view: RunView, branch: BranchView): OpenQuestion[] {
  const { branchId, name, repeat, repeats, questions } = branch;
  const title = view.title;
  return questions.map((question) => ({
    ...question,
    runId: view.runId,
    branchId,
    branch: repeats > 1 ? `${name} #${repeat}` : name,
    title,
  }));
}
