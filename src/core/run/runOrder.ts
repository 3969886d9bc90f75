import * as z from 'zod';
import type { AgentPlan } from '../agent/agentSettings.ts';
import { type BranchPlan, type ForkPlan, forkPlanSchema } from '../fork/forkPlan.ts';
import { branchIdSchema } from '../ids.ts';
import { stepResultSchema } from './branchOutcome.ts';

/**
 * What an engine in another process is told to do: ids, references, limits and small facts, never what was said. The
 * plan in it went through `withoutWords`.
 */
export const runOrderSchema = z.object({
  version: z.literal(1),
  plan: forkPlanSchema,
  branches: z.array(branchIdSchema).min(1),
  /** Completed steps of earlier attempts by branch id. */
  prior: z.record(z.string(), z.array(stepResultSchema)),
  /** Prompts that agents are through with, by branch id. */
  turnsDone: z.record(z.string(), z.number()).default({}),
  /** 1 for the first dispatch, then one more for each retry or resume. */
  attempt: z.int().positive(),
  /** Retries of a model call. */
  retry: z.object({ initialMs: z.number(), factor: z.number(), maxMs: z.number(), attempts: z.int().positive() }),
  /** Heartbeat timeout of a worker, in milliseconds. */
  heartbeatMs: z.int().positive(),
  /** The server knows our search attributes, so that the workflow may change them. */
  searchable: z.boolean().optional(),
});
export type RunOrder = z.infer<typeof runOrderSchema>;

/** The plan without the words of the recording: no engine needs them, and a server's history is no place for them. */
export function withoutWords(plan: ForkPlan): ForkPlan {
  return {
    ...plan,
    title: '',
    session: { ...plan.session, file: '', title: '', projectPath: null },
    point: { ...plan.point, label: '' },
    missing: [],
    agent: plan.agent && withoutCommands(plan.agent),
    branches: plan.branches.map(withoutBranchWords),
  };
}

/** The same of one branch. */
export function withoutBranchWords(branch: BranchPlan): BranchPlan {
  return { ...branch, prefix: undefined, changes: [], notes: [] };
}

/** What the loop needs of an agent's settings: names of folders, programs, commands and git's refs stay on this machine. */
function withoutCommands(agent: AgentPlan): AgentPlan {
  const checks = agent.checks.map((check) => ({ ...check, name: 'check', run: 'check' }));
  return {
    ...agent,
    program: '',
    configDir: '',
    folder: '',
    filesChoice: 'turn',
    base: null,
    allowRules: [],
    setup: [],
    teardown: [],
    include: [],
    checks,
  };
}
