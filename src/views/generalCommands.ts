import type { ApiKey } from './apiKey.ts';
import type { CommandHandlers } from './commands.ts';
import type { EncryptionKey } from './encryptionKey.ts';
import type { Log } from './log.ts';
import type { SetupDocument } from './setup/setupDocument.ts';

export interface GeneralCommandDeps {
  apiKey: ApiKey;
  encryptionKey: EncryptionKey;
  setup: SetupDocument;
  log: Log;
  /** What reads its rows again. */
  refresh: (() => Promise<void>)[];
}

type GeneralCommands = Pick<
  CommandHandlers,
  | 'forkpoint.setApiKey'
  | 'forkpoint.clearApiKey'
  | 'forkpoint.setEncryptionKey'
  | 'forkpoint.checkSetup'
  | 'forkpoint.refresh'
  | 'forkpoint.showLog'
>;

/** Commands that are about neither a session nor a run. */
export function generalCommands({ apiKey, encryptionKey, setup, log, refresh }: GeneralCommandDeps): GeneralCommands {
  return {
    'forkpoint.setApiKey': async () => {
      await apiKey.ask();
    },
    'forkpoint.clearApiKey': () => apiKey.clear(),
    'forkpoint.setEncryptionKey': () => encryptionKey.ask(),
    'forkpoint.checkSetup': () => setup.open(),
    'forkpoint.refresh': async () => {
      await Promise.all(refresh.map((read) => read()));
    },
    'forkpoint.showLog': async () => log.show(),
  };
}
