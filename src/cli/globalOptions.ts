/** Options that also count before the command, as with git and docker; true for those with a value. */
const globalOptions: ReadonlyMap<string, boolean> = new Map([
  ['--json', false],
  ['--demo', false],
  ['--claude-dir', true],
]);

/** A command line with the options that stand before its command put behind it: `--json list` is `list --json`. */
export function withCommandFirst(args: readonly string[]): string[] {
  let at = 0;
  while (at < args.length) {
    const name = args[at]?.split('=', 1)[0] ?? '';
    const hasValue = globalOptions.get(name);
    if (hasValue === undefined) break;
    at += hasValue && args[at] === name ? 2 : 1;
  }
  const command = args.slice(at);
  // Without a command the arguments stay as they are, for the error message.
  if (command[0] === undefined || command[0].startsWith('-')) return [...args];
  // What stands behind `--` belongs to the command that is run.
  const end = command.indexOf('--');
  const own = end < 0 ? command : command.slice(0, end);
  return [...own, ...args.slice(0, at), ...command.slice(own.length)];
}
