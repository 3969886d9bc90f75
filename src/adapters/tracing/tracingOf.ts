import type { Tracing } from './startTracing.ts';

/**
 * The tracing that the standard variables ask for (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`). Where they don't,
 * nothing is loaded.
 * @param log told why there is none although it was asked for
 * @returns null where nothing is traced
 */
export async function tracingOf(env: NodeJS.ProcessEnv, log?: (message: string) => void): Promise<Tracing | null> {
  const endpoint = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  const isOff = env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true';
  const exporter = env['OTEL_TRACES_EXPORTER'] || 'otlp';
  if (!endpoint || isOff || exporter !== 'otlp') return null;
  const protocol = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL'] || 'http/protobuf';
  if (protocol !== 'http/protobuf' && protocol !== 'http/json') {
    log?.(
      `Nothing is traced: OTEL_EXPORTER_OTLP_PROTOCOL is ${protocol}, and Forkpoint speaks http/protobuf and http/json.`,
    );
    return null;
  }
  const { startTracing } = await import('./startTracing.ts');
  return startTracing(protocol);
}
