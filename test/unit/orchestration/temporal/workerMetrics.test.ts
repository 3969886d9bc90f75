import { expect, it } from 'vitest';
import { workerMetrics } from '../../../../src/orchestration/temporal/workerMetrics.ts';

const base = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' };

it('serves Prometheus on this machine only', () => {
  expect(workerMetrics('127.0.0.1:9464', base)).toEqual({ prometheus: { bindAddress: '127.0.0.1:9464' } });
  expect(workerMetrics('localhost:9464', {})).toEqual({ prometheus: { bindAddress: '127.0.0.1:9464' } });
  expect(workerMetrics('[::1]:9464', {})).toEqual({ prometheus: { bindAddress: '[::1]:9464' } });
  for (const address of ['0.0.0.0:9464', 'example.com:9464', '127.0.0.1', ':9464', '127.0.0.1:0', '9464']) {
    expect(() => workerMetrics(address, {})).toThrow('only be served on this machine');
  }
});

it('sends them where the standard variables say', () => {
  const otel = { url: 'http://collector:4318/v1/metrics', http: true, headers: {}, metricsExportInterval: 60_000 };
  expect(workerMetrics(null, base)).toEqual({ otel });
  const headers = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20x, team=forks' };
  expect(workerMetrics(null, { ...base, ...headers, OTEL_METRIC_EXPORT_INTERVAL: '500' })).toEqual({
    otel: { ...otel, headers: { authorization: 'Bearer x', team: 'forks' }, metricsExportInterval: 500 },
  });
  expect(workerMetrics(null, { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://m:1/mine' })).toMatchObject({
    otel: { url: 'http://m:1/mine' },
  });
  expect(workerMetrics(null, { ...base, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toMatchObject({
    otel: { url: base.OTEL_EXPORTER_OTLP_ENDPOINT, http: false },
  });
});

it.each([{}, { ...base, OTEL_METRICS_EXPORTER: 'none' }, { ...base, OTEL_SDK_DISABLED: 'true' }])(
  'sends none with %j',
  (env) => {
    expect(workerMetrics(null, env)).toBeNull();
  },
);
