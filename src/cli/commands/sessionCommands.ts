import type { Command } from 'commander';
import { positiveInteger, withCommonOptions, withPointOptions } from '../options.ts';
import type { Handle } from '../runCli.ts';

const load = () => import('../actions/sessionActions.ts');

/** Commands that read recorded sessions. */
export function addSessionCommands(program: Command, handle: Handle): void {
  withCommonOptions(program.command('list').description('list the recorded sessions, newest first'))
    .option('--project <path>', 'only those of this project folder')
    .option('--limit <n>', 'at most so many', positiveInteger)
    .action(handle(async () => (await load()).list));
  withCommonOptions(program.command('inspect').description('turns, branches and problems of a session'))
    .argument('<session>', 'session id, unique prefix of one, or path of a .jsonl file')
    .option('--turn <n>', 'only this turn', positiveInteger)
    .action(handle(async () => (await load()).inspect));
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
