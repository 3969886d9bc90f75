import { NotFoundError } from '../core/errors.ts';
import type { OpenSession, SessionStore } from '../core/fork/sessionStore.ts';
import type { RunId } from '../core/ids.ts';
import type { SessionSearch } from '../core/search/sessionSearch.ts';
import type { Services, ServicesOptions } from '../services.ts';
import { Terminal } from './terminal.ts';

/** Options that every command takes. */
export interface CommonOptions {
  json?: boolean;
  claudeDir?: string[];
  demo?: boolean;
  yes?: boolean;
  worker?: boolean;
  address?: string;
  profile?: string;
  taskQueue?: string;
  claude?: string;
}

/** One call of the command line: its options, its output, and the services, loaded and made when first needed. */
export class CliContext {
  readonly terminal: Terminal;
  readonly options: CommonOptions;
  #sessions: Promise<SessionStore> | null = null;
  #search: Promise<SessionSearch> | null = null;
  #services: Promise<Services> | null = null;
  readonly #interrupt = new AbortController();

  constructor(options: CommonOptions) {
    this.options = options;
    this.terminal = new Terminal({ json: options.json === true });
  }

  /** The sessions alone: who lists them doesn't wait for what runs forks. */
  sessions(): Promise<SessionStore> {
    this.#sessions ??= import('../adapters/reader/createReadingStore.ts').then(({ createReadingStore }) =>
      createReadingStore({ claudeDirs: this.options.claudeDir }),
    );
    return this.#sessions;
  }

  /** @throws NotFoundError, BadInputError as `SessionStore.open` does */
  async open(session: string): Promise<OpenSession> {
    return (await this.sessions()).open(session);
  }

  search(): Promise<SessionSearch> {
    this.#search ??= this.#makeSearch();
    return this.#search;
  }

  services(): Promise<Services> {
    this.#services ??= this.#makeServices();
    return this.#services;
  }

  /** Aborts at the first SIGINT or SIGTERM; the second one ends the process at once. */
  get interrupted(): AbortSignal {
    return this.#interrupt.signal;
  }

  interrupt(): void {
    this.#interrupt.abort();
  }

  async dispose(): Promise<void> {
    await (await this.#services)?.dispose();
  }

  async #makeServices(): Promise<Services> {
    const [{ createServices }, { tracingOf }] = await Promise.all([
      import('../services.ts'),
      import('../adapters/tracing/tracingOf.ts'),
    ]);
    const tracing = await tracingOf(process.env, (message) => this.terminal.note(message));
    return createServices({ ...this.#servicesOptions(), tracing });
  }

  async #makeSearch(): Promise<SessionSearch> {
    const [sessions, { createReadingSearch }] = await Promise.all([
      this.sessions(),
      import('../adapters/reader/createReadingSearch.ts'),
    ]);
    return createReadingSearch(sessions);
  }

  #servicesOptions(): ServicesOptions {
    const { claudeDir, demo, worker, address, profile, taskQueue, claude } = this.options;
    return {
      claudeDirs: claudeDir,
      claudePath: claude,
      provider: demo === true ? 'demo' : 'anthropic',
      temporal: {
        ...(worker === false ? { startWorkers: false } : {}),
        ...(address === undefined ? {} : { address }),
        ...(profile === undefined ? {} : { profile }),
        ...(taskQueue === undefined ? {} : { taskQueue }),
      },
    };
  }
}

/** @throws NotFoundError for what is no run id; a unique beginning of one is enough */
export async function runIdOf(context: CliContext, given: string): Promise<RunId> {
  const { runs } = await context.services();
  const ids = await runs.list();
  const exact = ids.find((id) => id === given);
  if (exact !== undefined) return exact;
  const [match, other] = given === '' ? [] : ids.filter((id) => id.startsWith(given));
  if (match !== undefined && other === undefined) return match;
  throw new NotFoundError(
    match === undefined
      ? `There is no run ${JSON.stringify(given)}.`
      : `Several runs begin with ${JSON.stringify(given)}.`,
    'List the runs with `forkpoint runs`.',
  );
}
