import { type Command, InvalidArgumentError, Option } from 'commander';

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

/** Adds the options that say where Temporal is. */
export function withAddressOption(command: Command): Command {
  return command
    .option('--address <host:port>', 'address of the Temporal server')
    .option('--profile <name>', 'profile of temporal.toml (default: TEMPORAL_PROFILE, else “default”)')
    .option('--task-queue <name>', 'Temporal task queue (default: that of the data folder)');
}

/** Adds the options of every command that sends requests and waits for them. */
export function withSendingOptions(command: Command): Command {
  return withAddressOption(command)
    .option('--yes', 'agree to the cost')
    .option('--events', 'print the events as they come, one JSON object a line')
    .option('--detach', 'don’t wait for the end (engine temporal)')
    .option('--no-worker', 'start no Temporal worker');
}

/** Adds what a run is made with, wherever and however it is started. */
export function withRunChoices(command: Command): Command {
  return command
    .option('--dry-run', 'say what would be sent and what it may cost, and send nothing')
    .option('--demo', 'the offline demo model answers; nothing is sent or billed')
    .option('--engine <engine>', 'in-process or temporal')
    .option('--tools <policy>', 'recorded or stop')
    .option('--max-steps <n>', 'replies of a branch at most', positiveInteger)
    .addOption(
      new Option('--executor <executor>', 'who answers: your own Claude Code, or the Messages API').choices([
        'claude-code',
        'api',
      ]),
    )
    .addOption(new Option('--place <kind>', 'where an agent works').choices(['auto', 'overlay', 'worktree', 'copy']))
    .option('--files <state>', 'files that a place begins with: turn (default), now, or a commit')
    .addOption(
      new Option(
        '--permissions <policy>',
        'calls that need a yes: ask waits for one, deny refuses, bypass lets them through',
      ).choices(['ask', 'deny', 'bypass']),
    )
    .option('--i-know', 'agree to --permissions bypass')
    .option('--allow-recorded', 'commands that the recorded turn ran need no question')
    .option('--setup <cmd>', 'run in the place before the agent starts (repeatable)', collect)
    .option('--check <cmd>', 'run in the place afterwards: CMD or NAME=CMD (repeatable)', collect)
    .option('--max-turns <n>', 'replies of an agent at most', positiveInteger)
    .option('--concurrency <n>', 'agents at once (default: 2)', positiveInteger)
    .option('--claude <path>', 'the Claude Code to use (default: FORKPOINT_CLAUDE, else PATH)')
    .option(
      '--budget-usd <usd>',
      'dispatch nothing more once this is reached; agents share what is left of it evenly, those that wait for their turn included',
      positiveNumber,
    )
    .option(
      '--cache',
      'take answers of earlier runs to the very same requests, of repeats, too; of an agent’s run checks of equal states',
    )
    .option('--no-cache', 'ask anew (default)')
    .option('--timeout-seconds <s>', 'time limit of a branch', positiveNumber);
}
