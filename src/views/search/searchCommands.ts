import { type CommandHandlers, runCommand } from '../commands.ts';
import type { ServiceProvider } from '../viewServices.ts';
import type { SearchIndexing } from './searchIndexing.ts';
import { searchSessionsPick } from './searchSessionsPick.ts';

/** Search in all sessions. */
export function searchCommands(
  services: ServiceProvider,
  indexing: SearchIndexing,
): Pick<CommandHandlers, 'forkpoint.searchSessions'> {
  return {
    'forkpoint.searchSessions': async () => {
      const { search } = await services.get();
      indexing.update(search);
      const chosen = await searchSessionsPick({
        search,
        onIndexProgress: (listener) => indexing.onProgress(listener),
      });
      if (chosen === undefined) return;
      const { hit, action } = chosen;
      const turn = hit.turnInFile === null ? null : { file: hit.file, turn: hit.turnInFile };
      if (action === 'fork' && turn !== null) await runCommand('forkpoint.forkFromHere', turn);
      else if (action === 'open' && turn !== null) await runCommand('forkpoint.openTurn', turn);
      else await runCommand('forkpoint.openRawTranscript', { file: hit.file, line: hit.line });
    },
  };
}
