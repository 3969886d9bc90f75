// src/adapters/tracing: traces by OpenTelemetry: set-up, and the requests that are traced. No prompt, reply, path or
// key goes into a span.

import {
  type Context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, RandomIdGenerator } from '@opentelemetry/sdk-trace-base';
import { ForkpointError } from '../../core/errors.ts';
import type { EndedSpan, OpenSpan, Tracer } from '../../core/tracer.ts';

/** A collector that does not answer keeps nobody waiting for longer, in milliseconds. */
const flushMs = 3_000;

/** Spans on their way to a collector. */
export interface Tracing {
  readonly tracer: Tracer;
  /** Sends what is left. Resolves also where the collector does not answer. */
  dispose(): Promise<void>;
}

/**
 * Sends spans where the environment says. Its other variables (`OTEL_SERVICE_NAME`, sampling, headers) are read by the SDK. Nothing is
 * registered with OpenTelemetry's API: in an editor all extensions share that.
 */
export function startTracing(protocol: 'http/protobuf' | 'http/json'): Tracing {
  const ids = new SettableIds();
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'forkpoint' }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(protocol === 'http/json' ? new JsonExporter() : new ProtobufExporter())],
    idGenerator: ids,
  });
  const contexts = new AsyncLocalStorageContextManager().enable();
  const spans = provider.getTracer('forkpoint');
  return {
    tracer: {
      span(name, facts, work, parent) {
        const around = parent === undefined ? contexts.active() : contextOf(parent);
        const span = spans.startSpan(name, { attributes: facts }, around);
        return contexts.with(trace.setSpan(around, span), () => within(span, work));
      },
      record({ name, facts, parent, startMs, endMs, failed, ...own }: EndedSpan) {
        const around = parent === null ? ROOT_CONTEXT : contextOf(parent);
        const span = ids.use(own, () => spans.startSpan(name, { attributes: facts, startTime: startMs }, around));
        if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end(endMs);
      },
    },
    async dispose() {
      let late: NodeJS.Timeout | undefined;
      const tooLate = new Promise<void>((resolve) => {
        late = setTimeout(resolve, flushMs);
      });
      await Promise.race([provider.shutdown().catch(() => {}), tooLate]);
      clearTimeout(late);
    },
  };
}

/** Random ids, but for spans that bring their own. */
class SettableIds extends RandomIdGenerator {
  #given: { traceId: string; spanId: string } | null = null;

  constructor() {
    super();
    const { generateTraceId, generateSpanId } = this;
    this.generateTraceId = () => this.#given?.traceId ?? generateTraceId();
    this.generateSpanId = () => this.#given?.spanId ?? generateSpanId();
  }

  use<T>(given: { traceId: string; spanId: string }, start: () => T): T {
    this.#given = given;
    try {
      return start();
    } finally {
      this.#given = null;
    }
  }
}

/** The context of a span elsewhere, that of none where the text names none. */
function contextOf(traceparent: string): Context {
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-');
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
  const span = { traceId, spanId, traceFlags, isRemote: true };
  return isSpanContextValid(span) ? trace.setSpanContext(ROOT_CONTEXT, span) : ROOT_CONTEXT;
}

async function within<T>(span: Span, work: (span: OpenSpan) => Promise<T>): Promise<T> {
  const { traceId, spanId, traceFlags } = span.spanContext();
  try {
    return await work({
      traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
      note: (facts) => void span.setAttributes(facts),
    });
  } catch (error) {
    // An error's message may quote a conversation or a path: its kind is all that goes out.
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.setAttribute('error.type', error instanceof ForkpointError ? error.code : nameOf(error));
    throw error;
  } finally {
    span.end();
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
