import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { NativeConnection, WorkerOptions } from '@temporalio/worker';
import { messageOf } from '../../core/errors.ts';
import type { WorkerConfig } from './workerConfig.ts';

/** The server learns of a version from its worker's first poll. */
const tries = 40;
const againMs = 250;

/** Stands for what a worker's workflows do: two builds with the same workflows can stand in for each other. */
export async function buildIdOf(workflowBundle: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(workflowBundle))
    .digest('hex')
    .slice(0, 12);
}

/**
 * Makes the worker a version of a deployment, where it is one. A run stays with the version that it began on, and every run of a
 * schedule begins anew on the current one. Without a deployment any worker goes on with any run: on a person's own machine the older
 * worker is gone after an update, and its runs would wait for it for ever.
 */
export function versionOf({ deployment }: Pick<WorkerConfig, 'deployment'>): Partial<WorkerOptions> {
  if (deployment === null) return {};
  const { name: deploymentName, buildId } = deployment;
  return {
    workerDeploymentOptions: {
      version: { deploymentName, buildId },
      useWorkerVersioning: true,
      defaultVersioningBehavior: 'PINNED',
    },
  };
}

/** Makes the first version of a deployment the current one. Which of several is, and what is ramped, somebody decides: this never does. */
export async function becomeFirstVersion(
  { workflowService }: NativeConnection,
  { namespace, deployment }: Pick<WorkerConfig, 'namespace' | 'deployment'>,
  log: (line: string) => void,
): Promise<void> {
  if (deployment === null) return;
  const { name: deploymentName, buildId } = deployment;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { workerDeploymentInfo } = await workflowService.describeWorkerDeployment({ namespace, deploymentName });
      const current = workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId;
      if (current) {
        const other = `not current, ${current} is: see \`temporal worker deployment\``;
        return log(`version ${buildId} of deployment ${deploymentName}: ${current === buildId ? 'current' : other}`);
      }
      const identity = `forkpoint-worker-${process.pid}`;
      await workflowService.setWorkerDeploymentCurrentVersion({ namespace, deploymentName, buildId, identity });
      return log(`version ${buildId} of deployment ${deploymentName}: current, as its first one`);
    } catch (error) {
      if (attempt === tries) {
        return log(
          `version ${buildId} of deployment ${deploymentName} is not known to the server: ${messageOf(error)}`,
        );
      }
      await delay(againMs);
    }
  }
}
