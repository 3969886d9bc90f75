import { createHash } from 'node:crypto';
import type { ForkPlan } from '../../core/fork/forkPlan.ts';

/** Stands for the path of a run's project on the server; null where none is known. */
export function projectHash({ session: { projectPath } }: ForkPlan): string | null {
  return projectPath === null ? null : createHash('sha256').update(projectPath).digest('hex').slice(0, 16);
}
