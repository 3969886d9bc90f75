import { type Command, Option } from 'commander';
import {
  branchValues,
  collect,
  positiveInteger,
  positiveNumber,
  withCommonOptions,
  withPointOptions,
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
  return withSendingOptions(command)
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
      'dispatch nothing more once this is reached; agents that work at once share what is left of it',
      positiveNumber,
    )
    .option('--cache', 'take answers of earlier runs to the very same requests, of repeats, too')
    .option('--no-cache', 'ask anew (default)')
    .option('--timeout-seconds <s>', 'time limit of a branch', positiveNumber);
}
