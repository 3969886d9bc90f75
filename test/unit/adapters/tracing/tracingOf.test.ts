import { expect, it } from 'vitest';
import { tracingOf } from '../../../../src/adapters/tracing/tracingOf.ts';

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };

it.each([
  {},
  { OTEL_SERVICE_NAME: 'forks' },
  { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
  { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://127.0.0.1:4318' },
  { ...endpoint, OTEL_SDK_DISABLED: 'true' },
  { ...endpoint, OTEL_TRACES_EXPORTER: 'none' },
])('traces nothing with %j', async (env) => {
  expect(await tracingOf(env, () => expect.unreachable())).toBeNull();
});

it('says that it does not speak gRPC', async () => {
  const said: string[] = [];
  expect(await tracingOf({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, (line) => said.push(line))).toBeNull();
  expect(said).toEqual([expect.stringContaining('http/protobuf and http/json')]);
});

it.each([
  endpoint,
  { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' },
  { ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
])('traces with %j, each span below the one that it is opened in', async (env) => {
  const tracing = await tracingOf(env);
  const [outer, inner] = (await tracing?.tracer.span('outer', {}, async (span) => {
    const within = await tracing.tracer.span('inner', {}, async ({ traceparent }) => traceparent);
    return [span.traceparent, within];
  })) ?? [null, null];
  const traceOf = (parent: string | null | undefined) => /^00-([0-9a-f]{32})-[0-9a-f]{16}-01$/.exec(parent ?? '')?.[1];
  expect(traceOf(inner)).toBe(traceOf(outer));
  expect(traceOf(outer)).toBeDefined();
  expect(inner).not.toBe(outer);
});
