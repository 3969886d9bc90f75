import type { CommandHandlers } from '../commands.ts';
import type { Pickers } from '../pickers.ts';
import type { FilesAtTurn } from './filesAtTurn.ts';

type FilesCommands = Pick<CommandHandlers, 'forkpoint.showFilesAtTurn' | 'forkpoint.compareFilesWithWorkingTree'>;

/** Ways to see what a turn did to files. */
export function filesCommands(files: FilesAtTurn, pickers: Pickers): FilesCommands {
  return {
    'forkpoint.showFilesAtTurn': async (given) => {
      const turn = await pickers.turn(given, 'Show Files at This Turn');
      if (turn !== undefined) await files.showChanges(turn);
    },
    'forkpoint.compareFilesWithWorkingTree': async (given) => {
      const turn = await pickers.turn(given, 'Compare Files at This Turn with Working Tree');
      if (turn !== undefined) await files.compareWithWorkingTree(turn);
    },
  };
}
