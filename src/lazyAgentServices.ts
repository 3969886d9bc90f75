import type { LoadedAgentServices } from './agentServices.ts';
import type { FailedTeardown } from './core/agent/agentFacts.ts';
import type { AgentPlanning } from './core/fork/agent/agentPlanning.ts';
import type { RunId } from './core/ids.ts';
import type { AgentWork } from './core/run/agent/agentWork.ts';
import type { AgentRuns } from './core/useCases/agentRuns.ts';

/** What agent branches need, loaded with the first call: most sessions of the editor and most commands never make one. */
export class AgentServices {
  readonly #load: () => Promise<LoadedAgentServices>;
  #loaded: Promise<LoadedAgentServices> | null = null;

  constructor(load: () => Promise<LoadedAgentServices>) {
    this.#load = load;
  }

  async work(): Promise<AgentWork> {
    return (await this.#get()).work;
  }

  async planning(): Promise<AgentPlanning> {
    return (await this.#get()).planning;
  }

  removePlaces(runId: RunId): Promise<FailedTeardown[]> {
    return this.runs.removePlaces(runId);
  }

  /** Its methods load what they need. */
  readonly runs: AgentRuns = {
    find: async () => (await this.#get()).runs.find(),
    placeOptions: async (...args) => (await this.#get()).runs.placeOptions(...args),
    questions: async (...args) => (await this.#get()).runs.questions(...args),
    files: async (...args) => (await this.#get()).runs.files(...args),
    patch: async (...args) => (await this.#get()).runs.patch(...args),
    content: async (...args) => (await this.#get()).runs.content(...args),
    check: async (...args) => (await this.#get()).runs.check(...args),
    laterChanges: async (...args) => (await this.#get()).runs.laterChanges(...args),
    takeLaterChanges: async (...args) => (await this.#get()).runs.takeLaterChanges(...args),
    planApply: async (...args) => (await this.#get()).runs.planApply(...args),
    apply: async (...args) => (await this.#get()).runs.apply(...args),
    toGitBranch: async (...args) => (await this.#get()).runs.toGitBranch(...args),
    place: async (...args) => (await this.#get()).runs.place(...args),
    continuation: async (...args) => (await this.#get()).runs.continuation(...args),
    command: async (...args) => (await this.#get()).runs.command(...args),
    places: async () => (await this.#get()).runs.places(),
    prune: async () => (await this.#get()).runs.prune(),
    removePlaces: async (...args) => (await this.#get()).runs.removePlaces(...args),
  };

  #get(): Promise<LoadedAgentServices> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }
}
