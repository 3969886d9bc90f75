import { NotFoundError } from '../../core/errors.ts';
import type { FileReading, FileState, Side, TurnFile, TurnFiles } from '../../core/files/fileState.ts';
import type { OpenSession } from '../../core/fork/sessionStore.ts';
import { fileSize, oneLine } from '../../core/format.ts';
import { printableText } from '../../core/plainText.ts';
import type { CliContext } from '../context.ts';
import { table } from '../table.ts';

interface FilesOptions {
  turn: number;
  show?: string;
  side: Side;
  git?: boolean;
}

/** `files` */
export async function files(context: CliContext, given: string): Promise<number> {
  const { turn, show, side, git } = context.options as unknown as FilesOptions;
  const session = await context.open(given);
  const reading: FileReading = { git: git !== false };
  if (show !== undefined) return showFile(context, session, { turn, path: show, side }, reading);
  const found = await session.files(turn, reading);
  if (context.terminal.json) context.terminal.printJson(found);
  else context.terminal.print(filesText(found));
  return 0;
}

async function showFile(
  context: CliContext,
  session: OpenSession,
  asked: { turn: number; path: string; side: Side },
  reading: FileReading,
): Promise<number> {
  const { turn, path, side } = asked;
  const content = await session.fileContent(turn, path, side, reading);
  if (content === null) throw nothingToShow(await session.files(turn, reading), path, side);
  if (context.terminal.json) {
    context.terminal.printJson({ turn, path, side, base64: Buffer.from(content).toString('base64') });
    return 0;
  }
  // Escape sequences of a recorded file must not reach a terminal; a pipe gets the very bytes.
  const output = process.stdout.isTTY === true ? printableText(new TextDecoder().decode(content), false) : content;
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(output, (error) => (error == null ? resolve() : reject(error)));
  });
  return 0;
}

function nothingToShow({ files: known }: TurnFiles, path: string, side: Side): NotFoundError {
  const state = known.find((file) => file.path === path || file.file === path)?.[side];
  return state?.kind === 'unknown'
    ? new NotFoundError(
        `What ${path} held ${side} this turn is not known. ${state.reason}`,
        'Leave out --show to see what is known.',
        { path },
      )
    : new NotFoundError(
        `There was no ${path} ${side} this turn.`,
        'Try the other side with --side, or leave out --show to see all files.',
        { path },
      );
}

function filesText({ files: known, warnings }: TurnFiles): string {
  if (known.length === 0) return ['No changes of files are recorded on this branch.', ...warnings].join('\n');
  const rows = known.map((file) => [
    changeText(file),
    oneLine(file.path, 60),
    stateText(file.before),
    stateText(file.after),
    oneLine(file.changedBy.join(', '), 40),
  ]);
  const notable = known.filter(({ changed }) => changed !== false);
  const notes = notable.flatMap((file) => file.notes.map((note) => `${oneLine(file.path, 60)}: ${note}`));
  const below = [...notes, ...warnings];
  return [table(['', 'FILE', 'BEFORE', 'AFTER', 'BY'], rows), ...(below.length > 0 ? ['', ...below] : [])].join('\n');
}

function changeText({ changed, before, after }: TurnFile): string {
  if (changed === null) return 'unknown';
  if (!changed) return '';
  return before.kind === 'absent' ? 'created' : after.kind === 'absent' ? 'deleted' : 'changed';
}

function stateText(state: FileState): string {
  if (state.kind === 'unknown') return 'unknown';
  return `${state.kind === 'absent' ? 'none' : fileSize(state.bytes)} (${state.certainty}, ${state.source})`;
}
