import type { Headers } from '@temporalio/common';
import { ContinueAsNew, proxySinks, type Sinks, type WorkflowInterceptors, workflowInfo } from '@temporalio/workflow';
import type { EndedSpan } from '../../core/tracer.ts';
import { spanOfExecution, traceparentOf, withTraceparent } from './traceHeader.ts';

/** Where workflows tell of their spans. */
export interface TraceSinks extends Sinks {
  trace: { ended(span: EndedSpan): void };
}

/**
 * Makes a span of each execution, and hands it on to its activities. Not by Temporal's own interceptors: they wait for what they pass
 * on, and so change the order of a workflow's commands. A run that began without them could not go on with them.
 */
export function interceptors(): WorkflowInterceptors {
  const { runId, workflowId, workflowType, startTime } = workflowInfo();
  const { traceId: ownTrace, spanId } = spanOfExecution(runId);
  let parent: string | null = null;
  let traceId = ownTrace;
  /** What activities are told. Null where whoever started the run traces nothing: a worker that does finds the span by itself. */
  let own: string | null = null;

  const below = (headers: Headers, span: string | null): Headers =>
    span === null ? headers : withTraceparent(headers, span);

  function ended(end: { failed: boolean }): void {
    const name = `RunWorkflow:${workflowType}`;
    const facts = { 'temporal.workflow_id': workflowId, 'temporal.run_id': runId };
    const [startMs, endMs] = [startTime.getTime(), Date.now()];
    proxySinks<TraceSinks>().trace.ended({ name, facts, traceId, spanId, parent, startMs, endMs, ...end });
  }

  return {
    inbound: [
      {
        execute(input, next) {
          parent = traceparentOf(input.headers);
          if (parent !== null) {
            const [, trace = ownTrace, , flags = '01'] = parent.split('-');
            traceId = trace;
            own = `00-${traceId}-${spanId}-${flags}`;
          }
          const execution = next(input);
          execution.then(
            () => ended({ failed: false }),
            (error: unknown) => ended({ failed: !(error instanceof ContinueAsNew) }),
          );
          return execution;
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next({ ...input, headers: below(input.headers, own) }),
        continueAsNew: (input, next) => next({ ...input, headers: below(input.headers, parent) }),
      },
    ],
  };
}
