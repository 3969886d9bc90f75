import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Tracer } from '../../core/tracer.ts';
import { spanOfExecution, traceparentOf } from './traceHeader.ts';

/** Makes a span of each try of an activity. Local activities only touch our own files, and are left out. */
export function activityTracing(tracer: Tracer): ActivityInterceptorsFactory {
  return ({ info: { activityType, attempt, workflowExecution, isLocal } }) => ({
    inbound: {
      execute(input, next) {
        if (isLocal || workflowExecution === undefined) return next(input);
        const { traceId, spanId } = spanOfExecution(workflowExecution.runId);
        const parent = traceparentOf(input.headers) ?? `00-${traceId}-${spanId}-01`;
        const facts = { 'temporal.workflow_id': workflowExecution.workflowId, 'temporal.attempt': attempt };
        return tracer.span(`RunActivity:${activityType}`, facts, () => next(input), parent);
      },
    },
  });
}
