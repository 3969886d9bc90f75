// src/orchestration/temporal/replay: a run's history, taken from the server and done again by the workflows at hand: to see
// whether they still do the same, and to step through it in a debugger. Nothing is asked, sent or logged in a replay.

import type { Client } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import { NotFoundError } from '../../../core/errors.ts';
import type { RunId } from '../../../core/ids.ts';
import { payloadFromJson, payloadJsonSchema, payloadToJson } from '../codec/payloadJson.ts';
import { workflowIdOf } from '../workflowIdOf.ts';
import { type ExecutionHistory, executionHistorySchema } from './executionHistory.ts';

/**
 * The histories of a run's latest attempt, one for each execution that it went through, oldest first. Executions that the server no
 * longer keeps are left out.
 * @throws NotFoundError where the server knows nothing of the run; EncryptionError where it is encrypted, and its key is not here
 */
export async function fetchHistories(client: Client, runId: RunId): Promise<ExecutionHistory[]> {
  const { WorkflowNotFoundError, historyToJSON } = await import('../temporalClient.ts');
  const { payloadCodecs } = client.options.loadedDataConverter;
  const workflowId = workflowIdOf(runId);
  const found: ExecutionHistory[] = [];
  try {
    let execution = (await client.workflow.getHandle(workflowId).describe()).runId;
    while (execution !== '') {
      const recorded = await client.workflow.getHandle(workflowId, execution).fetchHistory();
      const history = await decoded(JSON.parse(historyToJSON(recorded)), payloadCodecs);
      found.unshift(executionHistorySchema.parse({ workflowId, executionId: execution, history }));
      execution = recorded.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? '';
    }
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    if (found.length === 0) {
      throw new NotFoundError(
        `The Temporal server knows nothing of run ${runId}.`,
        'Only runs of the Temporal engine have a history there, and only for as long as the server keeps it.',
        undefined,
        { cause: error },
      );
    }
  }
  return found;
}

/** The same value with every payload in it decoded. */
async function decoded(value: unknown, codecs: readonly PayloadCodec[]): Promise<unknown> {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Promise.all(value.map((item) => decoded(item, codecs)));
  const payload = 'metadata' in value ? payloadJsonSchema.strict().safeParse(value) : null;
  if (payload?.success) {
    let plain = [payloadFromJson(payload.data)];
    for (const codec of codecs) plain = await codec.decode(plain);
    return plain.map(payloadToJson)[0];
  }
  const entries = Object.entries(value).map(async ([key, inner]) => [key, await decoded(inner, codecs)] as const);
  return Object.fromEntries(await Promise.all(entries));
}
