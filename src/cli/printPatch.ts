import { plainText } from '../core/plainText.ts';
import type { CliContext } from './context.ts';
import { diffLine } from './runReport.ts';

/** Prints a patch: to a file or a pipe as it is, so that `git apply` can take it; in colour, and inert, on a terminal. */
export function printPatch({ terminal }: CliContext, patch: string): void {
  if (process.stdout.isTTY !== true) process.stdout.write(patch);
  else if (patch !== '') {
    const lines = patch.replace(/\n$/, '').split('\n');
    terminal.print(lines.map((line) => diffLine(plainText(line), terminal.colors)).join('\n'));
  }
}
