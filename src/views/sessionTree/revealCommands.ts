import type { CommandHandlers } from '../commands.ts';
import type { Pickers } from '../pickers.ts';
import type { SessionTreeView } from './sessionTreeView.ts';

type RevealCommands = Pick<CommandHandlers, 'forkpoint.goToForkParent' | 'forkpoint.revealSession'>;

/** Ways from one row of the tree to another. */
export function revealCommands(tree: SessionTreeView, pickers: Pickers): RevealCommands {
  return {
    'forkpoint.goToForkParent': async (given) => {
      const session = await pickers.session(given, 'Go to Fork Parent');
      if (session !== undefined) await tree.revealParent(session.file);
    },
    'forkpoint.revealSession': async (given) => {
      const session = await pickers.session(given, 'Show in Sessions');
      if (session !== undefined) await tree.revealFile(session.file);
    },
  };
}
