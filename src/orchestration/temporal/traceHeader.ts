import { defaultPayloadConverter, type Headers } from '@temporalio/common';

/** Under this header Temporal's own OpenTelemetry interceptors look for the span that something belongs to. */
const traceHeader = '_tracer-data';

/** The headers with the span that what they are sent with belongs to. */
export function withTraceparent(headers: Headers, traceparent: string): Headers {
  return { ...headers, [traceHeader]: defaultPayloadConverter.toPayload({ traceparent }) };
}

/** `traceparent` of the span that something belongs to, null where none is said. */
export function traceparentOf(headers: Headers): string | null {
  const payload = headers[traceHeader];
  if (payload === undefined) return null;
  try {
    const { traceparent } = defaultPayloadConverter.fromPayload<{ traceparent?: unknown }>(payload);
    return typeof traceparent === 'string' && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent)
      ? traceparent
      : null;
  } catch {
    // Somebody else's, in another form.
    return null;
  }
}

/** The span of an execution, named by what names the execution: a workflow's random numbers are its own. @param runId a UUID */
export function spanOfExecution(runId: string): { traceId: string; spanId: string } {
  const hex = runId.replaceAll('-', '');
  return { traceId: hex, spanId: hex.slice(-16) };
}
