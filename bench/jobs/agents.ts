import type { Job } from '../bench.ts';
import { ms } from '../table.ts';
import { runProgram } from './engines.ts';

interface Measured {
  bareMs: number;
  inProcessMs: number;
  temporalMs: number;
  /** Of Temporal's history, that a branch adds. */
  events: number;
  bytesPerBranch: number;
}

/** What an agent branch costs, from the click on Run to its end in the log, beside `claude -p` alone. */
export const agentsJob: Job = {
  name: 'agents',
  run({ rounds }) {
    const { bareMs, inProcessMs, temporalMs, events, bytesPerBranch } = runProgram<Measured>(
      'agentOverhead',
      String(rounds),
    );
    const row = (engine: string, ourMs: number, goalMs: number) => ({
      job: `one agent branch, ${engine}`,
      ours: ms(ourMs),
      peer: `claude -p --resume --fork-session alone ${ms(bareMs)}`,
      ratio: `+ ${ms(ourMs - bareMs)}`,
      goal: `≤ + ${goalMs} ms`,
      reached: ourMs - bareMs <= goalMs,
    });
    const memory = {
      job: 'the host’s memory for each agent that works',
      ours: `${(bytesPerBranch / 1e6).toFixed(1)} MB`,
      peer: 'none',
      ratio: '',
      goal: '',
      reached: true,
    };
    const temporal = row('Temporal', temporalMs, 500);
    return Promise.resolve([
      row('in-process', inProcessMs, 300),
      { ...temporal, ours: `${temporal.ours}, ${events} events` },
      memory,
    ]);
  },
};
