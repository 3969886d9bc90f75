import { existsSync } from 'node:fs';
import path from 'node:path';
import { createCheckCache } from './adapters/cache/createCheckCache.ts';
import { createChangeApplier } from './adapters/changes/createChangeApplier.ts';
import { createChangeStore } from './adapters/changes/createChangeStore.ts';
import { createCheckRunner } from './adapters/checks/createCheckRunner.ts';
import { configDirOf } from './adapters/claudeCode/configDirOf.ts';
import { createAgentProgram } from './adapters/claudeCode/createAgentProgram.ts';
import { createBranchSessions } from './adapters/claudeCode/createBranchSessions.ts';
import { createAgentFinder } from './adapters/claudeCode/findAgent.ts';
import { projectRules } from './adapters/claudeCode/projectRules.ts';
import { freePort } from './adapters/freePort.ts';
import { baseCommitOf, commitNamed } from './adapters/git/baseCommitOf.ts';
import { uncommittedFiles } from './adapters/git/uncommittedFiles.ts';
import { createPlaces } from './adapters/places/createPlaces.ts';
import { findSetupOffers } from './adapters/places/findSetupOffers.ts';
import { type Project, projectOf } from './adapters/places/projectOf.ts';
import { BranchOrigins } from './adapters/sessionFacts/branchOrigins.ts';
import { writeWhole } from './adapters/writeWhole.ts';
import type { AgentFinder } from './core/agent/agentPorts.ts';
import { commandEnvironment } from './core/agent/commandEnvironment.ts';
import { recordedChanges } from './core/agent/recordedChanges.ts';
import type { BlobStore } from './core/blobStore.ts';
import type { Clock } from './core/clock.ts';
import { NotFoundError } from './core/errors.ts';
import type { AgentPlanning, AgentProject } from './core/fork/agent/agentPlanning.ts';
import { placedFilesOf } from './core/fork/agent/placedFilesOf.ts';
import type { SessionStore } from './core/fork/sessionStore.ts';
import type { RunId } from './core/ids.ts';
import type { AgentWork, AgentWorkDeps } from './core/run/agent/agentWork.ts';
import { createAgentWork } from './core/run/agent/createAgentWork.ts';
import { bytesOfBlob, placedFilesAt } from './core/run/agent/loadBranch.ts';
import type { PriceList, RunStore } from './core/run/ports.ts';
import type { Sha256 } from './core/sha256.ts';
import type { AgentRuns } from './core/useCases/agentRuns.ts';
import { type AgentRunsDeps, createAgentRuns } from './core/useCases/createAgentRuns.ts';

export interface AgentServicesOptions {
  /** Our data folder: places lie in `places` below it. */
  home: string;
  claudeDirs: readonly string[];
  runs: RunStore;
  blobs: BlobStore;
  clock: Clock;
  prices: PriceList;
  sha256: Sha256;
  sessions: SessionStore;
  env: NodeJS.ProcessEnv;
  claudePath: string | undefined;
  extensionFolders: readonly string[];
  namespaces: boolean;
}

export interface LoadedAgentServices {
  work: AgentWork;
  runs: AgentRuns;
  planning: AgentPlanning;
}

/** Constructs what agent branches need on this machine. Starts and contacts nothing before it is used. */
export function createAgentServices(options: AgentServicesOptions): LoadedAgentServices {
  const work = workDeps(options);
  const finder = createAgentFinder({
    path: options.claudePath,
    env: options.env,
    extensionFolders: options.extensionFolders,
    configDir: options.claudeDirs[0],
  });
  return {
    work: createAgentWork(work),
    runs: createAgentRuns(runsDeps(options, work, finder)),
    planning: createPlanning(options, work, finder),
  };
}

function workDeps(options: AgentServicesOptions): AgentWorkDeps {
  const { home, runs, blobs, clock, prices, sha256, sessions, env, claudeDirs, namespaces } = options;
  const folder = path.join(home, 'places');
  const changes = createChangeStore(folder);
  const isRunKnown = (runId: RunId) =>
    runs.plan(runId).then(
      () => true,
      // A plan that can't be read owns its places all the same.
      (error: unknown) => !(error instanceof NotFoundError),
    );
  return {
    runs,
    blobs,
    clock,
    prices,
    sha256,
    places: createPlaces({ folder, changes, isRunKnown, clock, configDirs: claudeDirs, namespaces }),
    changes,
    sessions: createBranchSessions(new BranchOrigins(home)),
    program: createAgentProgram({ env }),
    checks: createCheckRunner({ blobs, clock }),
    checkCache: createCheckCache({ folder: path.join(home, 'cache', 'results'), clock }),
    recordings: sessions,
    decodeBase64: (text) => new Uint8Array(Buffer.from(text, 'base64')),
    inContainer: () => isContainer(env),
    freePort,
    commandEnv: () => commandEnvironment(env),
    keepOutput: async ({ runId, name }, index, text) => {
      const file = path.join(home, 'removed-places', `${runId}-${name}-teardown-${index}.txt`);
      await writeWhole(file, text);
      return file;
    },
  };
}

function runsDeps({ home, blobs }: AgentServicesOptions, work: AgentWorkDeps, finder: AgentFinder): AgentRunsDeps {
  const { changes } = work;
  return {
    ...work,
    find: () => finder.find(),
    applier: createChangeApplier(changes),
    recordedChanges: async (plan, { files, recordedEnd, folder }) =>
      recordedChanges({
        root: (await projectOf(folder)).root,
        before: await placedFilesAt(files, blobs),
        after: await placedFilesAt(recordedEnd ?? files, blobs),
        readBlob: (ref) => bytesOfBlob(ref, work),
        put: (bytes) => changes.put(plan.runId, bytes),
      }),
    keepPatch: async (runId, name, patch) => {
      const file = path.join(home, 'removed-places', `${runId}-${name}.patch`);
      await writeWhole(file, patch);
      return file;
    },
    headOf: async (folder) => (await projectOf(folder)).git?.head ?? null,
  };
}

function createPlanning(
  { claudeDirs }: AgentServicesOptions,
  { places }: AgentWorkDeps,
  finder: AgentFinder,
): AgentPlanning {
  return {
    find: () => finder.find(),
    placeOptions: (folder) => places.options(folder),
    configDirOf: (file) => configDirOf(file, claudeDirs),
    project: async (folder) => agentProject(await projectOf(folder)),
  };
}

function agentProject({ folder, root, realRoot, git }: Project): AgentProject {
  return {
    setupOffers: async () => findSetupOffers(realRoot),
    async baseOf(open, { turn, side, until }, choice) {
      if (choice === 'now') return { commit: null, notes: [] };
      if (choice !== 'turn') return { commit: await commitNamed(folder, choice), notes: [] };
      const { commit, reason } = await baseCommitOf(folder, await open.commitAt(turn, side, until));
      return { commit, notes: commit === null ? [] : [reason] };
    },
    rules: () => projectRules(root),
    placedFiles: (open, moment, put) =>
      placedFilesOf(open, moment, {
        projectRoot: root,
        put,
        encodeBase64: (bytes) => Buffer.from(bytes).toString('base64'),
      }),
    uncommitted: async () =>
      git?.head == null ? [] : (await uncommittedFiles(realRoot)).map((name) => path.join(root, name)),
  };
}

/** By what Docker and Podman leave in a container, and editors in the environment of theirs. */
function isContainer(env: NodeJS.ProcessEnv): boolean {
  const marks = ['/.dockerenv', '/run/.containerenv'];
  return marks.some((mark) => existsSync(mark)) || Boolean(env.REMOTE_CONTAINERS) || Boolean(env.CODESPACES);
}
