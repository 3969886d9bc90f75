import { Context } from '@temporalio/activity';
import type { Clock } from '../../core/clock.ts';
import type { BranchId } from '../../core/ids.ts';
import { retryDelayMs, retryPolicies } from '../../core/run/retryPolicies.ts';

/** Signals the workflow of the activity that runs. @throws what the client throws */
export async function signalWorkflow(signal: string, ...args: unknown[]): Promise<void> {
  const { client, info } = Context.current();
  const workflowId = info.workflowExecution?.workflowId;
  if (workflowId !== undefined) await client.workflow.getHandle(workflowId).signal(signal, ...args);
}

/** Tries of saying that a question is closed: the end of the turn closes all that it left open. */
const closingTries = 3;

/**
 * Tells the workflow that a question is open, or is open no more. While it does not know of an open one, nobody can answer that:
 * so this is said until it was heard.
 * @param waiting aborted when nobody waits for the answer any more
 * @throws the signal's reason
 */
export async function tellOfQuestion(
  branchId: BranchId,
  callId: string,
  state: 'open' | 'closed',
  clock: Clock,
  waiting: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await signalWorkflow('question', branchId, callId, state);
    } catch (error) {
      Context.current().log.warn('A question could not be announced.', { error });
      // The run is over, and the activity is about to hear of it.
      if (error instanceof Error && error.name === 'WorkflowNotFoundError') return;
      if (state === 'closed' && attempt >= closingTries) return;
      const delayMs = retryDelayMs(retryPolicies.local, attempt, null, Math.random());
      await clock.sleep(delayMs, state === 'open' ? waiting : undefined);
    }
  }
}
