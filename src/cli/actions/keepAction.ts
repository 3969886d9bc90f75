import { ForkpointError } from '../../core/errors.ts';
import { oneLine, plural } from '../../core/format.ts';
import type { CliContext } from '../context.ts';

/** `keep` */
export async function keep(context: CliContext, ...sessions: string[]): Promise<number> {
  const given = sessions.flat();
  const { archive } = await context.services();
  const kept: { sessionId: string; file: string; copied: number; bytes: number }[] = [];
  const failed: { session: string; error: ForkpointError }[] = [];
  for (const session of given) {
    if (context.interrupted.aborted) break;
    try {
      const { summary } = (await context.open(session)).session;
      const copy = await archive.keep(summary.file);
      kept.push({ sessionId: summary.sessionId, ...copy });
      const what = copy.copied === 0 ? 'is kept already' : `is kept: ${plural(copy.copied, 'file')} copied`;
      if (!context.terminal.json) context.terminal.print(`“${oneLine(summary.title, 60)}” ${what}.`);
    } catch (error) {
      // One session alone fails as every command does; of several, the others are kept all the same.
      if (!(error instanceof ForkpointError) || given.length === 1) throw error;
      failed.push({ session, error });
      if (!context.terminal.json) context.terminal.note(`${session}: ${error.message} ${error.hint}`);
    }
  }
  if (context.terminal.json) {
    context.terminal.printJson({
      kept,
      failed: failed.map(({ session, error }) => ({ session, error: error.toJSON() })),
    });
  }
  return failed.length > 0 ? 1 : 0;
}
