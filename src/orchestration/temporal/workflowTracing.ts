import { ContinueAsNew, proxySinks, type Sinks, type WorkflowInterceptors, workflowInfo } from '@temporalio/workflow';
import type { EndedSpan } from '../../core/tracer.ts';
import { traceparentOf, withTraceparent } from './traceHeader.ts';

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
  // Random numbers are the workflow's own, so the span is named by what names the execution.
  const hex = runId.replaceAll('-', '');
  const spanId = hex.slice(-16);
  let parent: string | null = null;
  let traceId = hex;
  let own = `00-${traceId}-${spanId}-01`;

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
            const [, trace = traceId, , flags = '01'] = parent.split('-');
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
        scheduleActivity: (input, next) => next({ ...input, headers: withTraceparent(input.headers, own) }),
        continueAsNew: (input, next) =>
          next(parent === null ? input : { ...input, headers: withTraceparent(input.headers, parent) }),
      },
    ],
  };
}
