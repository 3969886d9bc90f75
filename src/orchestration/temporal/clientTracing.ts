import type { Headers, WorkflowClientInterceptor } from '@temporalio/client';
import type { Tracer } from '../../core/tracer.ts';
import { withTraceparent } from './traceHeader.ts';

/** Makes a span of each start of a workflow, and hands it on to the workflow. */
export function clientTracing(tracer: Tracer): WorkflowClientInterceptor {
  return {
    startWithDetails: ({ headers, ...input }, next) =>
      tracer.span(
        `StartWorkflow:${input.workflowType}`,
        { 'temporal.workflow_id': input.options.workflowId },
        ({ traceparent }) => next({ ...input, headers: withParent(headers, traceparent) }),
      ),
  };
}

function withParent(headers: Headers, traceparent: string | null): Headers {
  return traceparent === null ? headers : withTraceparent(headers, traceparent);
}
