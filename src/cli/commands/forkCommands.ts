import type { Command } from 'commander';
import {
  branchValues,
  collect,
  positiveInteger,
  withCommonOptions,
  withPointOptions,
  withRunChoices,
  withSendingOptions,
} from '../options.ts';
import type { Handle } from '../runCli.ts';

const load = () => import('../actions/forkActions.ts');

/** Commands that make runs: fork and replay. */
export function addForkCommands(program: Command, handle: Handle): void {
  withRunOptions(
    withPointOptions(
      withCommonOptions(program.command('fork').description('fork a session at a turn and run the branches')),
    ),
  )
    .argument('[session]', 'session id, unique prefix of one, or path of a .jsonl file')
    .option('--file <fork>', 'read the fork from a *.fork.yaml file, - for standard input')
    .option('--prompt <text>', 'prompt of all branches (@path reads a file; default: as recorded)')
    .option('--branch <values>', branchValues, collect)
    .option('--matrix <values>', 'for example model=a,b: a branch for each combination (repeatable)', collect)
    .action(handle(async () => (await load()).fork));
  withRunOptions(withCommonOptions(program.command('replay').description('send the recorded prompts again, in order')))
    .argument('<session>')
    .option('--from <n>', 'first turn', positiveInteger)
    .option('--to <n>', 'last turn', positiveInteger)
    .option('--model <model>', 'a branch for each model (repeatable; default: as recorded)', collect)
    .option('--repeats <n>', 'so many times for each model', positiveInteger)
    .action(handle(async () => (await load()).replay));
}

function withRunOptions(command: Command): Command {
  return withRunChoices(withSendingOptions(command));
}
