import { proxyActivities } from '@temporalio/workflow';

/** The least that a fan-out costs on Temporal: one workflow, `count` activities side by side. */
export async function bareFanOut(count: number): Promise<number> {
  const { call } = proxyActivities<{ call(): Promise<number> }>({
    startToCloseTimeout: '1 minute',
    heartbeatTimeout: '10 seconds',
    retry: { maximumAttempts: 5 },
  });
  const sizes = await Promise.all(Array.from({ length: count }, () => call()));
  return sizes.reduce((sum, size) => sum + size, 0);
}
