import { MessageChannel, Worker } from 'node:worker_threads';
import { messageOf, ReaderEndedError } from '../../core/errors.ts';
import type { ReadingFolders } from './createReadingStore.ts';
import type { ReaderTasks } from './readerTasks.ts';
import { TaskClient } from './taskClient.ts';

/** A reader that runs. */
export interface RunningReader {
  readonly client: TaskClient<ReaderTasks>;
  /** Whether the process has to stay alive for it. */
  hold(held: boolean): void;
  /** Ends it: whatever it has not answered fails. */
  end(): void;
}

/** Nearly all that reading makes is garbage at once: room for more of it costs 20 to 40 MB and saves no time. */
const resourceLimits = { maxYoungGenerationSizeMb: 8 };

/**
 * Starts a reader in a thread of its own.
 * @param onEnd called once when it has ended by itself, with the reason
 * @throws where no thread can be started
 */
export async function startReaderThread(
  script: URL,
  folders: ReadingFolders,
  onEnd: (error: ReaderEndedError) => void,
): Promise<RunningReader> {
  const thread = new Worker(script, { workerData: folders, name: 'forkpoint-reader', resourceLimits });
  const client = new TaskClient<ReaderTasks>(thread);
  let reason: unknown = null;
  let running = false;
  thread.on('error', (error) => (reason = error));
  thread.on('exit', () => {
    const error = endOf(reason);
    client.close(error);
    if (running) onEnd(error);
  });
  await client.call('ready', []);
  running = true;
  return {
    client,
    hold: (held) => (held ? thread.ref() : thread.unref()),
    end() {
      running = false;
      client.close(endOf(null));
      void thread.terminate();
    },
  };
}

/** Starts a reader in this thread, for where no other can be started. */
export async function startReaderHere(folders: ReadingFolders): Promise<RunningReader> {
  const [{ createReadingStore }, { createReadingSearch }, { createReaderTasks }, { serveTasks }] = await Promise.all([
    import('./createReadingStore.ts'),
    import('./createReadingSearch.ts'),
    import('./readerTasks.ts'),
    import('./serveTasks.ts'),
  ]);
  const { port1, port2 } = new MessageChannel();
  const sessions = createReadingStore(folders);
  serveTasks<ReaderTasks>(port2, createReaderTasks(sessions, createReadingSearch(sessions, folders.home)));
  port2.unref();
  const client = new TaskClient<ReaderTasks>(port1);
  return {
    client,
    hold: (held) => (held ? port1.ref() : port1.unref()),
    end() {
      client.close(endOf(null));
      port1.close();
    },
  };
}

function endOf(reason: unknown): ReaderEndedError {
  return new ReaderEndedError(
    `What reads the sessions has ended${reason === null ? '' : `: ${messageOf(reason)}`}.`,
    'Try again: it is started anew.',
    undefined,
    reason === null ? {} : { cause: reason },
  );
}
