import type { MetricsExporterConfig } from '@temporalio/worker';
import { checkedLocalAddress } from './localAddress.ts';

/**
 * Where the worker's metrics go: to whoever asks at the address, else where OpenTelemetry's standard variables say.
 * @param address `host:port` on this machine for Prometheus, null where none is wanted
 * @returns null: nowhere
 * @throws BadInputError
 */
export function workerMetrics(address: string | null, env: NodeJS.ProcessEnv): MetricsExporterConfig | null {
  if (address !== null) {
    const { host, port } = checkedLocalAddress(address, 'Metrics');
    return { prometheus: { bindAddress: `${host.includes(':') ? `[${host}]` : host}:${port}` } };
  }
  const isOff =
    env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || (env['OTEL_METRICS_EXPORTER'] || 'otlp') !== 'otlp';
  const protocol = env['OTEL_EXPORTER_OTLP_METRICS_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL'];
  const http = protocol !== 'grpc';
  const general = env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  const ofMetrics = env['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT'];
  const url = ofMetrics || (general && http ? `${general.replace(/\/$/, '')}/v1/metrics` : general);
  if (isOff || !url) return null;
  return {
    otel: {
      url,
      http,
      headers: headersIn(env['OTEL_EXPORTER_OTLP_METRICS_HEADERS'] || env['OTEL_EXPORTER_OTLP_HEADERS'] || ''),
      // The standard's default.
      metricsExportInterval: Number(env['OTEL_METRIC_EXPORT_INTERVAL']) || 60_000,
    },
  };
}

/** Headers as the standard's variable lists them: `name=value,name=value`, percent-encoded. */
function headersIn(list: string): Record<string, string> {
  const pairs = list.split(',').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at <= 0 ? [] : [[pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())]];
  });
  return Object.fromEntries(pairs);
}
