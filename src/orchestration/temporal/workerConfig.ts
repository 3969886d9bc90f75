import { createHash } from 'node:crypto';
import * as z from 'zod';
import { type EncryptionSettings, encryptionSettingsSchema } from '../../core/encryptionSettings.ts';
import { BadInputError } from '../../core/errors.ts';

const workerConfigSchema = z.object({
  home: z.string().min(1),
  address: z.string(),
  namespace: z.string(),
  /** Profile of the person's `temporal.toml`; null: as the environment says. */
  profile: z.string().nullable(),
  taskQueue: z.string(),
  /** Serves agent branches, too. */
  agents: z.boolean(),
  sharedQueue: z.string().nullable(),
  store: z.string().nullable(),
  baseUrl: z.string().nullable(),
  /** Started by Forkpoint by itself: ends after `idleMs` without an open run. */
  managed: z.boolean(),
  idleMs: z.int().positive(),
  /** Model calls at once. `auto`: as the machine's load allows. */
  concurrency: z.union([z.int().positive(), z.literal('auto')]),
  /** Of one model with one key at once, over all processes of this machine; null: any number. */
  callsPerModel: z.int().positive().nullable(),
  /** `host:port` on this machine that Prometheus asks for metrics. */
  metrics: z.string().nullable(),
  /** `host:port` on this machine that says whether the worker takes work. */
  health: z.string().nullable(),
  /** The worker is a version of this deployment; null: of none. */
  deployment: z.object({ name: z.string(), buildId: z.string() }).nullable(),
  fingerprint: z.string(),
});
/** What a worker process is started with. */
export type WorkerConfig = z.infer<typeof workerConfigSchema>;

const handoverSchema = z.object({
  config: workerConfigSchema,
  apiKey: z.string().nullable(),
  /** Keys of the payload codec. */
  encryption: encryptionSettingsSchema.nullable(),
  /** Environment of agents: that of the process that starts the worker, without our own keys. */
  agentEnv: z.record(z.string(), z.string().optional()),
});
/**
 * What the starting process writes to the worker's stdin. Not in its environment: that is inherited by whatever the worker starts,
 * can be read from outside, and may not hold as much as a person's own environment does.
 */
export type WorkerHandover = z.infer<typeof handoverSchema>;

/** @param text all that came over stdin @throws BadInputError */
export function workerHandoverFrom(text: string): WorkerHandover {
  try {
    return handoverSchema.parse(JSON.parse(text));
  } catch (error) {
    // The text of a syntax error may be a part of what was read.
    const why = error instanceof z.ZodError ? `: ${error.message}` : '.';
    throw new BadInputError(
      `The worker was started without its configuration${why}`,
      'Start it with `forkpoint worker`.',
    );
  }
}

/** Orders that a worker understands: one that an older build left running must not be handed newer ones. */
const orderVersion = 3;

/**
 * Digest of what a worker does differently: two workers of equal fingerprint can stand in for each other. A changed key or
 * base URL makes a new one necessary. The key can't be found out from it.
 */
export function fingerprintOf(config: {
  home: string;
  baseUrl: string | null;
  store: string | null;
  apiKey: string | undefined;
  /** Keys of the payload codec. */
  encryption: EncryptionSettings | null;
  metrics: string | null;
  /**
   * Of agents: what decides how they are logged in counts, of the store its credentials, and of the worker its proxies and where its
   * spans go.
   */
  env: NodeJS.ProcessEnv;
}): string {
  const login = Object.entries(config.env).filter(([name]) => /^(?:ANTHROPIC|AWS|CLAUDE|OTEL)_|_PROXY$/i.test(name));
  const text = JSON.stringify([
    orderVersion,
    config.home,
    config.store,
    config.baseUrl,
    config.apiKey ?? null,
    config.encryption,
    config.metrics,
    login.sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
