import { type Command, Option } from 'commander';
import { collect, positiveInteger, withAddressOption, withCommonOptions, withRunChoices } from '../options.ts';
import type { Handle } from '../runCli.ts';

const load = () => import('../actions/scheduleActions.ts');

/** Forks and replays that run by the clock. */
export function addScheduleCommands(program: Command, handle: Handle): void {
  const schedule = program.command('schedule').description('forks and replays on a cron, on Temporal');
  const add = (name: string, description: string): Command =>
    withAddressOption(withCommonOptions(schedule.command(name).description(description)));
  withRunChoices(add('create', 'put a fork, a replay or a run on a schedule'))
    .requiredOption(
      '--cron <expression>',
      'minute, hour, day of month, month, day of week: "0 3 * * 1" is Mondays at 3:00',
    )
    .option('--name <name>', 'what it is called (default: by kind and session)')
    .option('--timezone <zone>', 'zone that the cron is read in (default: this machine’s)')
    .addOption(
      new Option('--file <fork>', 'the fork of a *.fork.yaml file, - for standard input').conflicts(['replay', 'run']),
    )
    .addOption(new Option('--replay <session...>', 'replays of these sessions, a run for each').conflicts(['run']))
    .option('--run <run>', 'a run that there was, sent again as it was')
    .option('--from <n>', 'replay from this turn on', positiveInteger)
    .option('--to <n>', 'replay up to this turn (default: the last one recorded by now)', positiveInteger)
    .option('--model <model>', 'a branch of the replay for each model (repeatable; default: as recorded)', collect)
    .option('--repeats <n>', 'so many times for each model', positiveInteger)
    .option('--yes', 'agree to the cost of each firing')
    .option('--no-worker', 'start no Temporal worker')
    .action(handle(async () => (await load()).create));
  add('list', 'the schedules, with what the last run came to').action(handle(async () => (await load()).list));
  add('pause', 'fire no more until it is resumed')
    .argument('<name>')
    .action(handle(async () => (await load()).pause));
  add('resume', 'fire again')
    .argument('<name>')
    .option('--no-worker', 'start no Temporal worker')
    .action(handle(async () => (await load()).resume));
  add('trigger', 'fire now')
    .argument('<name>')
    // Agreed to when it was made; scripts that say so again are not refused.
    .addOption(new Option('--yes').hideHelp())
    .option('--no-worker', 'start no Temporal worker')
    .action(handle(async () => (await load()).trigger));
  add('delete', 'delete a schedule; its runs stay')
    .argument('<name>')
    .action(handle(async () => (await load()).deleteSchedule));
}
