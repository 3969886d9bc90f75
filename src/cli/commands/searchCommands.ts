import type { Command } from 'commander';
import { positiveInteger, withCommonOptions } from '../options.ts';
import type { Handle } from '../runCli.ts';

const load = () => import('../actions/searchActions.ts');

/** Commands that look into all recorded sessions at once. */
export function addSearchCommands(program: Command, handle: Handle): void {
  withCommonOptions(
    program
      .command('search')
      .description(
        'find a text in prompts, replies, tool inputs and results of all sessions, newest first; capitals count where the query has some',
      ),
  )
    .argument('<query>', 'the text, or a part of it; quote it where it has spaces')
    .option('--project <path>', 'only sessions of this project folder')
    .option('--model <id>', 'only sessions in which such a model answered, e.g. opus')
    .option('--tool <name>', 'only inputs and results of this tool')
    .option('--since <date>', 'only messages from then on, e.g. 2026-06-01')
    .option('--until <date>', 'only messages before that')
    .option('--limit <n>', 'at most so many hits', positiveInteger)
    .action(handle(async () => (await load()).search));
  withCommonOptions(
    program.command('index').description('bring the search index up to date (search works without one, too)'),
  ).action(handle(async () => (await load()).updateIndex));
}
