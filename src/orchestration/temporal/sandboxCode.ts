import { encryptedMark } from './codec/failureConverter.ts';

/**
 * Of each promise that a workflow makes the SDK takes the stack, for the query `__stack_trace`: with the usual ten frames that is
 * more than two thirds of what its thread does, and a branch makes hundreds of promises. A replay still has the stacks.
 */
const withoutStacks = 'Error.stackTraceLimit=0;';

/**
 * The workflows' code as a worker runs it. What is put in front of it stays on the first line: the source map holds.
 * @param isEncrypted payloads are, so failures have to be, too
 */
export function sandboxCode(workflows: string, isEncrypted: boolean): string {
  return `${withoutStacks}${isEncrypted ? encryptedMark : ''}${workflows}`;
}
