import type { Client } from '@temporalio/client';
import { dataConverterOf } from './codec/dataConverterOf.ts';
import { connectClient, isPortOpen, resolveTarget, serverUnavailable, type TemporalTarget } from './connection.ts';
import { isUnreachable } from './grpcErrors.ts';
import type { TemporalSettings } from './temporalSettings.ts';

/** How long a single exchange with the server may take, in milliseconds. */
const deadlineMs = 10_000;
/** How long a server may take to say its first word. */
const connectMs = 5_000;

/** One connection to the server, made with the first use and kept. */
export class TemporalLink {
  readonly #settings: TemporalSettings;
  #target: Promise<TemporalTarget> | null = null;
  #client: Promise<Client> | null = null;

  constructor(settings: TemporalSettings) {
    this.#settings = settings;
  }

  target(): Promise<TemporalTarget> {
    this.#target ??= resolveTarget(this.#settings).catch((error: unknown) => {
      // A profile that is corrected counts from the next try on.
      this.#target = null;
      throw error;
    });
    return this.#target;
  }

  /** Whether the server answers. */
  async answers(): Promise<boolean> {
    try {
      await this.use((client) => client.workflowService.getSystemInfo({}), 2_000);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Does something with the server.
   * @throws EngineUnavailableError where it does not answer
   */
  async use<T>(action: (client: Client) => Promise<T>, timeoutMs = deadlineMs): Promise<T> {
    const target = await this.target();
    // gRPC tries for long before it gives a refused connection up; a person is told at once.
    if (!(await isPortOpen(target.address, timeoutMs))) {
      await this.close();
      throw serverUnavailable(target.address);
    }
    const client = await this.#connected(target, timeoutMs);
    try {
      return await client.connection.withDeadline(Date.now() + timeoutMs, () => action(client));
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      await this.close();
      throw serverUnavailable(target.address, error);
    }
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => null);
    this.#client = null;
    // The server may be started anew on another port.
    this.#target = null;
    await client?.connection.close();
  }

  #connected(target: TemporalTarget, timeoutMs: number): Promise<Client> {
    const options = {
      timeoutMs: Math.min(timeoutMs, connectMs),
      dataConverter: dataConverterOf(this.#settings),
      tracer: this.#settings.tracer,
    };
    this.#client ??= connectClient(target, options).catch((error: unknown) => {
      this.#client = null;
      this.#target = null;
      throw error;
    });
    return this.#client;
  }
}
