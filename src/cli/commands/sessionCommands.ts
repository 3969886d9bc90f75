// src/cli/commands: the commands with their arguments and options, in commander's words. What they do is imported
// lazily from actions/: nothing heavy may load here.

import { type Command, Option } from 'commander';
import { positiveInteger, withCommonOptions, withPointOptions } from '../options.ts';
import type { Handle } from '../runCli.ts';

const load = () => import('../actions/sessionActions.ts');

/** Commands that read recorded sessions. */
export function addSessionCommands(program: Command, handle: Handle): void {
  withCommonOptions(program.command('list').description('list the recorded sessions, newest first'))
    .option('--project <path>', 'only those of this project folder')
    .option('--limit <n>', 'at most so many', positiveInteger)
    .action(handle(async () => (await load()).list));
  withCommonOptions(program.command('keep').description('copy sessions into our archive, out of reach of the clean-up'))
    .argument('<session...>', 'session ids, unique prefixes of them, or paths of .jsonl files')
    .action(handle(async () => (await import('../actions/keepAction.ts')).keep));
  withCommonOptions(program.command('inspect').description('turns, branches and problems of a session'))
    .argument('<session>', 'session id, unique prefix of one, or path of a .jsonl file')
    .option('--turn <n>', 'only this turn, with what it says and what a fork before it would send', positiveInteger)
    .option('--forks', 'say of each turn how well a fork before it is known')
    .action(handle(async () => (await load()).inspect));
  withCommonOptions(program.command('files').description('what the session’s files held before and after a turn'))
    .argument('<session>')
    .requiredOption('--turn <n>', 'the turn, 1 is the first', positiveInteger)
    .option('--show <path>', 'print the bytes of one file')
    .addOption(new Option('--side <side>', 'which moment --show prints').choices(['before', 'after']).default('after'))
    .option('--no-git', 'do not ask git what files held when the session began')
    .action(handle(async () => (await import('../actions/fileActions.ts')).files));
  withCommonOptions(
    program.command('messages').description('every recovered message of a session, one JSON object a line'),
  )
    .argument('<session>')
    .action(handle(async () => (await load()).messages));
  withCommonOptions(program.command('requests').description('every recorded API request, one JSON object a line'))
    .argument('<session>')
    .option('--full', 'with the whole request')
    .action(handle(async () => (await load()).requests));
  withPointOptions(
    withCommonOptions(program.command('request').description('what an unchanged fork at this point would send')),
  )
    .argument('<session>')
    .action(handle(async () => (await load()).request));
}
