import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** A span as it came in, its attributes by name. */
export interface ReceivedSpan {
  name: string;
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  attributes: Record<string, unknown>;
}

export interface OtlpReceiver {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  url: string;
  spans: ReceivedSpan[];
  /** How often metrics came. */
  metrics: number;
  /** All that came, as it was sent. */
  bodies: string[];
  [Symbol.asyncDispose](): Promise<void>;
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}

/** Takes spans over OTLP/HTTP in JSON, on loopback. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const [spans, bodies]: [ReceivedSpan[], string[]] = [[], []];
  const received = { metrics: 0 };
  const byName = (attributes: Attribute[] = []) =>
    Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
  const take = async (request: IncomingMessage): Promise<number> => {
    if (request.method === 'POST' && request.url === '/v1/metrics') {
      received.metrics += 1;
      return 200;
    }
    if (request.method !== 'POST' || request.url !== '/v1/traces') return 404;
    // biome-ignore lint/suspicious/noExplicitAny: of the protocol's JSON only these members are looked at
    const body = (await json(request)) as any;
    bodies.push(JSON.stringify(body));
    for (const { resource, scopeSpans } of body.resourceSpans) {
      const service = String(byName(resource.attributes)['service.name']);
      for (const scope of scopeSpans) {
        for (const { name, traceId, spanId, parentSpanId = '', attributes } of scope.spans) {
          spans.push({ name, service, traceId, spanId, parentSpanId, attributes: byName(attributes) });
        }
      }
    }
    return 200;
  };
  const server = createServer((request, response) => {
    take(request).then(
      (status) => response.writeHead(status, { 'content-type': 'application/json' }).end('{}'),
      () => response.writeHead(400).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    bodies,
    get metrics() {
      return received.metrics;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The names of a span and of those that it lies within, innermost first. */
export function chainOf(span: ReceivedSpan, spans: readonly ReceivedSpan[]): string[] {
  const parent = spans.find(({ spanId, traceId }) => spanId === span.parentSpanId && traceId === span.traceId);
  return [span.name, ...(parent === undefined ? [] : chainOf(parent, spans))];
}
