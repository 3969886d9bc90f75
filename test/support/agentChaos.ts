import { isDeepStrictEqual } from 'node:util';
import type { Services } from '../../src/services.ts';
import { ForkStage } from './forkStage.ts';
import { agentMoments, KillMatrix } from './killMatrix.ts';
import { builtWorker, killWorkers, startTestServer, type TestServer } from './temporal.ts';

/** What strikes agents, at all moments of theirs at once. */
export const agentStrikes = {
  agents: 'kill -9 of Claude Code, in a branch for each of its moments',
  workers: 'kill -9 of the worker that they work for, the same',
} as const;
export type AgentStrike = keyof typeof agentStrikes;

export interface AgentReport {
  strike: AgentStrike;
  /** Branches, each struck at another moment. */
  moments: number;
  /** Calls of tools that branches name as in doubt: one at most, of the branch that was in one. */
  inDoubt: number;
  orphans: number;
  /** What is not as it must be, branch by branch, and orphans. */
  faults: string[];
}

/** Runs of the real Claude Code on Temporal, which are struck. */
export class AgentChaos {
  readonly #stage: ForkStage;
  readonly #server: TestServer;
  readonly #services: Services;

  private constructor(stage: ForkStage, server: TestServer, services: Services) {
    this.#stage = stage;
    this.#server = server;
    this.#services = services;
  }

  static async begin(): Promise<AgentChaos> {
    const [stage, server] = await Promise.all([ForkStage.open(), startTestServer()]);
    const temporal = { address: server.address, workerScript: await builtWorker(), heartbeatMs: 10_000 };
    return new AgentChaos(stage, server, await stage.services({ temporal }));
  }

  async run(strike: AgentStrike): Promise<AgentReport> {
    const { forks } = this.#services;
    const matrix = strike === 'agents' ? new KillMatrix(this.#stage, agentMoments) : new KillMatrix(this.#stage);
    const { runId } = await forks.dispatch(this.#stage.fork({ engine: 'temporal', ...matrix.fork }));
    const there = await matrix.untilThere(this.#services, runId);
    if (strike === 'agents') {
      for (const { pid } of matrix.agents()) process.kill(pid, 'SIGKILL');
    } else {
      await killWorkers(this.#stage.home);
      await forks.resume(runId);
    }
    const [found, must] = [matrix.finished(await forks.whenEnded(runId), there), matrix.allDone];
    const faults = found.branches
      .filter((branch, index) => !isDeepStrictEqual(branch, must.branches[index]))
      .map((branch) => JSON.stringify(branch));
    faults.push(...found.processes.map(({ pid, command }) => `Process ${pid} is an orphan: ${command}`));
    if (!found.untouched) faults.push('The project or its recording was changed.');
    const inDoubt = found.branches.reduce((sum, branch) => sum + branch.inDoubt.length, 0);
    return { strike, moments: matrix.names.length, inDoubt, orphans: found.processes.length, faults };
  }

  async end(): Promise<void> {
    await this.#services.dispose();
    await killWorkers(this.#stage.home);
    await this.#server.stop();
    await this.#stage.close();
  }
}
