import { connect } from 'node:net';
import type { Client, ConnectionOptions, DataConverter } from '@temporalio/client';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { EngineUnavailableError, messageOf } from '../../core/errors.ts';
import type { Tracer } from '../../core/tracer.ts';
import { isNotAllowed } from './grpcErrors.ts';
import { readServerRecord } from './serverRecord.ts';
import type { TemporalSettings } from './temporalSettings.ts';

const usualAddress = '127.0.0.1:7233';

/** Where the server is and how to talk to it. The options fit the client's and the worker's connection alike. */
export interface TemporalTarget {
  address: string;
  namespace: string;
  options: Pick<ConnectionOptions, 'tls' | 'metadata'> & { address: string; apiKey?: string };
}

type Named = Pick<TemporalSettings, 'address' | 'namespace' | 'profile' | 'env'> &
  Partial<Pick<TemporalSettings, 'home' | 'defaultAddress'>>;

/**
 * Finds the server: an address that was set for Forkpoint, else the user's Temporal profile (`temporal.toml`,
 * `TEMPORAL_*`), else the dev server that we started, else that one's usual port. A profile's TLS and API key go to that
 * profile's address only.
 */
export async function resolveTarget(settings: Named): Promise<TemporalTarget> {
  const profile = await profileOf(settings);
  const profileAddress = profile.connectionOptions.address;
  const address = settings.address ?? profileAddress ?? (await ownAddress(settings));
  const namespace = settings.namespace ?? profile.namespace ?? 'default';
  if (address !== profileAddress) return { address, namespace, options: { address } };
  const { tls, apiKey, metadata } = profile.connectionOptions;
  return {
    address,
    namespace,
    options: {
      address,
      ...(tls === undefined || tls === null ? {} : { tls }),
      ...(typeof apiKey === 'string' ? { apiKey } : {}),
      ...(metadata === undefined ? {} : { metadata }),
    },
  };
}

/** Whether neither the settings nor a profile name an address. */
export async function isUnnamed(settings: Named): Promise<boolean> {
  return settings.address === undefined && (await profileOf(settings)).connectionOptions.address === undefined;
}

/** Where our dev server is: it may have had to step around a program on its usual port. */
async function ownAddress({ home, defaultAddress = usualAddress }: Named): Promise<string> {
  const record = home === undefined ? null : await readServerRecord({ home });
  return record?.address ?? defaultAddress;
}

async function profileOf({ env, profile }: Pick<TemporalSettings, 'env' | 'profile'>): Promise<ClientConnectConfig> {
  const { loadClientConnectConfig } = await import('./temporalClient.ts');
  try {
    return loadClientConnectConfig({
      overrideEnvVars: variablesOf(env),
      ...(profile !== undefined && { profile }),
    });
  } catch (error) {
    throw profileFailure(error);
  }
}

/** The variables that have a value. */
export function variablesOf(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** The error for profiles that can't be read. */
export function profileFailure(cause: unknown): EngineUnavailableError {
  return new EngineUnavailableError(
    `The Temporal profile can't be read: ${messageOf(cause)}`,
    'Correct the profile in temporal.toml or the TEMPORAL_* variables.',
    undefined,
    { cause },
  );
}

/** The error for a server that does not answer. */
export function serverUnavailable(address: string, cause?: unknown): EngineUnavailableError {
  return new EngineUnavailableError(
    `Temporal is not running on ${address}.`,
    'Start it with "Forkpoint: Start Temporal Dev Server" or `forkpoint temporal start`, or run in-process instead.',
    { address },
    { cause },
  );
}

/**
 * Connects to the server.
 * @param options.dataConverter for those that exchange payloads with runs
 * @param options.tracer default: nothing is traced
 * @throws EngineUnavailableError where nothing answers within `timeoutMs`
 */
export async function connectClient(
  target: TemporalTarget,
  {
    timeoutMs = 5_000,
    dataConverter,
    tracer,
  }: { timeoutMs?: number; dataConverter?: DataConverter; tracer?: Tracer | undefined } = {},
): Promise<Client> {
  const { Client, Connection, clientTracing } = await import('./temporalClient.ts');
  try {
    const connection = await Connection.connect({ ...target.options, connectTimeout: timeoutMs });
    const identity = `forkpoint-host@${process.pid}`;
    return new Client({
      connection,
      namespace: target.namespace,
      identity,
      ...(dataConverter && { dataConverter }),
      ...(tracer && { interceptors: { workflow: [clientTracing(tracer)] } }),
    });
  } catch (error) {
    throw connectFailure(target, error);
  }
}

/** The error for a server that could not be connected with. */
export function connectFailure({ address, options }: TemporalTarget, cause: unknown): EngineUnavailableError {
  if (isNotAllowed(cause)) {
    return new EngineUnavailableError(
      `Temporal on ${address} does not accept the key.`,
      'Correct api_key of the profile in temporal.toml, or TEMPORAL_API_KEY.',
      { address },
      { cause },
    );
  }
  if (options.tls === undefined || options.tls === false) return serverUnavailable(address, cause);
  return new EngineUnavailableError(
    `Temporal on ${address} does not answer over TLS.`,
    'Check that it runs, and the certificates of the profile (tls in temporal.toml, or TEMPORAL_TLS_*).',
    { address },
    { cause },
  );
}

/** The parts of `host:port`; `[::1]:7233` has its brackets kept. */
export function splitAddress(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
}

/** Whether something listens at the address. */
export function isPortOpen(address: string, timeoutMs: number): Promise<boolean> {
  const { host, port } = splitAddress(address);
  return new Promise((resolve) => {
    const socket = connect({ host: host.replace(/^\[|\]$/g, ''), port, timeout: timeoutMs });
    const end = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
