import { type Command, InvalidArgumentError } from 'commander';

/** Gathers the values of an option that may be given several times. */
export const collect = (value: string, before: string[] = []): string[] => [...before, value];

/** What `--branch` takes. */
export const branchValues = 'name=…,model=…,effort=…,system=…,prompt=…,thinking=…,maxTokens=…,repeats=… (repeatable)';

/** A whole number from 1 on. */
export function positiveInteger(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('It is a whole number from 1 on.');
  return number;
}

/** A number above 0. */
export function positiveNumber(value: string): number {
  const number = Number(value);
  if (!Number.isFinite(number) || number <= 0) throw new InvalidArgumentError('It is a number above 0.');
  return number;
}

/** Adds the options that every command takes. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--json', 'print JSON')
    .option(
      '--claude-dir <dir>',
      'folder of recorded sessions (repeatable; default: CLAUDE_CONFIG_DIR or ~/.claude)',
      collect,
    );
}

/** Adds the options that say where to cut. */
export function withPointOptions(command: Command): Command {
  return command
    .option('--turn <n>', 'before the prompt of this turn, with that prompt put back', positiveInteger)
    .option('--before <uuid>', 'before this message')
    .option('--after <uuid>', 'after this message');
}

/** Adds the option that says where Temporal is. */
export function withAddressOption(command: Command): Command {
  return command.option('--address <host:port>', 'address of the Temporal server');
}

/** Adds the options of every command that sends requests and waits for them. */
export function withSendingOptions(command: Command): Command {
  return withAddressOption(command)
    .option('--yes', 'agree to the cost')
    .option('--events', 'print the events as they come, one JSON object a line')
    .option('--detach', 'don’t wait for the end (engine temporal)')
    .option('--no-worker', 'start no Temporal worker');
}
