import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Tracer } from '../../core/tracer.ts';
import { traceparentOf } from './traceHeader.ts';

/** Makes a span of each try of an activity. Local activities, which only touch our own files, belong to none and are left out. */
export function activityTracing(tracer: Tracer): ActivityInterceptorsFactory {
  return ({ info: { activityType, attempt, workflowExecution } }) => ({
    inbound: {
      execute(input, next) {
        const parent = traceparentOf(input.headers);
        if (parent === null) return next(input);
        const facts = { 'temporal.workflow_id': workflowExecution?.workflowId ?? '', 'temporal.attempt': attempt };
        return tracer.span(`RunActivity:${activityType}`, facts, () => next(input), parent);
      },
    },
  });
}
