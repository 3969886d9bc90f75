import type { TemporalProfile } from '../../core/run/temporalControl.ts';
import { profileFailure, variablesOf } from './connection.ts';
import type { TemporalSettings } from './temporalSettings.ts';

/**
 * The person's Temporal profiles: those of `temporal.toml`, each as `TEMPORAL_*` changes it.
 * @throws EngineUnavailableError where the file can't be read
 */
export async function temporalProfiles({
  env,
  profile: chosen,
}: Pick<TemporalSettings, 'env' | 'profile'>): Promise<TemporalProfile[]> {
  const { loadClientConfig, loadClientConfigProfile } = await import('./temporalClient.ts');
  const overrideEnvVars = variablesOf(env);
  try {
    const { profiles } = loadClientConfig({ overrideEnvVars });
    return Object.keys(profiles).map((name) => {
      const { address, namespace, apiKey, tls } = loadClientConfigProfile({ profile: name, overrideEnvVars });
      const isSecure = tls !== undefined ? tls.disabled !== true : apiKey !== undefined;
      return {
        name,
        address: address ?? null,
        namespace: namespace ?? 'default',
        tls: !isSecure ? 'none' : tls?.clientCert === undefined ? 'server' : 'mutual',
        hasApiKey: apiKey !== undefined,
        chosen: name === (chosen ?? env['TEMPORAL_PROFILE'] ?? 'default'),
      };
    });
  } catch (error) {
    throw profileFailure(error);
  }
}
