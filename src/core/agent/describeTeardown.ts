import type { FailedTeardown } from './agentFacts.ts';

/** In a sentence or two. The place is gone either way. */
export function describeTeardown({ place, command, exitCode, output }: FailedTeardown): string {
  const how = exitCode === null ? 'didn’t come to its end' : `failed with exit code ${exitCode}`;
  const where = output === null ? '' : ` What it printed: ${output}`;
  return `The teardown command "${command}" of ${place} ${how}; the place was removed all the same.${where}`;
}
