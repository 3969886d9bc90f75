import { createHash } from 'node:crypto';
import * as z from 'zod';
import { BadInputError, messageOf } from '../../core/errors.ts';

/** Name of the environment variable that carries the configuration to the worker's process. */
export const workerConfigVariable = 'FORKPOINT_WORKER';

/** Name of the one that carries the environment of agents. */
export const agentEnvVariable = 'FORKPOINT_AGENT_ENV';

const workerConfigSchema = z.object({
  home: z.string().min(1),
  address: z.string(),
  namespace: z.string(),
  taskQueue: z.string(),
  baseUrl: z.string().nullable(),
  /** Started by Forkpoint by itself: ends after `idleMs` without an open run. */
  managed: z.boolean(),
  idleMs: z.int().positive(),
  /** Model calls at once. */
  concurrency: z.int().positive(),
  fingerprint: z.string(),
});
/** What a worker process is started with. The API key comes beside it, as `ANTHROPIC_API_KEY`. */
export type WorkerConfig = z.infer<typeof workerConfigSchema>;

/** @throws BadInputError */
export function workerConfigFrom(env: NodeJS.ProcessEnv): WorkerConfig {
  try {
    return workerConfigSchema.parse(JSON.parse(env[workerConfigVariable] ?? ''));
  } catch (error) {
    throw new BadInputError(
      `The worker was started without its configuration: ${messageOf(error)}`,
      'Start it with `forkpoint worker`.',
    );
  }
}

/** The environment of agents: that of whoever started the worker; this process's where it is not told. */
export function agentEnvFrom(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const given = z.record(z.string(), z.string()).safeParse(parsed(env[agentEnvVariable]));
  return given.success ? given.data : env;
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return null;
  }
}

/**
 * Digest of what a worker does differently: two workers of equal fingerprint can stand in for each other. A changed key or
 * base URL makes a new one necessary. The key can't be found out from it.
 */
export function fingerprintOf(config: {
  home: string;
  baseUrl: string | null;
  apiKey: string | undefined;
  /** Of agents: what decides how they are logged in counts. */
  env: NodeJS.ProcessEnv;
}): string {
  const login = Object.entries(config.env).filter(([name]) => /^(?:ANTHROPIC|CLAUDE)_/.test(name));
  const text = JSON.stringify([
    config.home,
    config.baseUrl,
    config.apiKey ?? null,
    login.sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
