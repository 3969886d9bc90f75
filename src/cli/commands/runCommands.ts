import { type Command, Option } from 'commander';
import {
  branchValues,
  collect,
  positiveInteger,
  positiveNumber,
  withAddressOption,
  withCommonOptions,
  withSendingOptions,
} from '../options.ts';
import type { Handle } from '../runCli.ts';

const load = () => import('../actions/runActions.ts');

/** Commands on runs that exist. */
export function addRunCommands(program: Command, handle: Handle): void {
  withAddressOption(withCommonOptions(program.command('runs').description('the runs, newest first')))
    .option('--limit <n>', 'at most so many', positiveInteger)
    .action(handle(async () => (await load()).listRuns));
  withAddressOption(withCommonOptions(program.command('status').description('the state of a run')))
    .argument('<run>', 'run id or unique beginning of one')
    .option('--wait', 'wait for its end')
    .action(handle(async () => (await load()).status));
  withCommonOptions(
    program.command('compare').description('what differs: the branches from the recording, or two sides'),
  )
    .argument('<run>')
    .argument('[a]', 'a branch’s id or name, or recorded')
    .argument('[b]', 'likewise; default: recorded')
    .addOption(
      new Option(
        '--format <format>',
        'form of the output; patch: of the texts, or of the code where Claude Code answered, as git apply takes it',
      ).choices(['text', 'json', 'markdown', 'patch']),
    )
    .action(handle(async () => (await import('../actions/compareAction.ts')).compare));
  withAddressOption(withCommonOptions(program.command('cancel').description('cancel a run, or one branch of it')))
    .argument('<run>')
    .argument('[branch]', 'branch id or name')
    .action(handle(async () => (await load()).cancel));
  withAddressOption(withCommonOptions(program.command('add').description('add a branch to a run under way')))
    .argument('<run>')
    .option('--yes', 'agree to the cost')
    .requiredOption('--branch <values>', branchValues, collect)
    .action(handle(async () => (await load()).add));
  withAddressOption(withCommonOptions(program.command('limits').description('change the limits of a run under way')))
    .argument('<run>')
    .option('--budget-usd <usd>', 'send nothing more once so much is spent', positiveNumber)
    .option('--timeout-seconds <s>', 'time limit of a branch', positiveNumber)
    .option('--concurrency <n>', 'agents at once', positiveInteger)
    .action(handle(async () => (await load()).limits));
  withSendingOptions(
    withCommonOptions(program.command('retry').description('run the failed and cancelled branches again')),
  )
    .argument('<run>')
    .action(handle(async () => (await load()).retry));
  withSendingOptions(
    withCommonOptions(
      program.command('resume').description('run what was left undone: interrupted, cancelled, or never begun'),
    ),
  )
    .argument('<run>')
    .action(handle(async () => (await load()).resume));
  withSendingOptions(
    withCommonOptions(program.command('again').description('run a branch again from a step, as a new run')),
  )
    .argument('<run>')
    .argument('<branch>', 'branch id or name')
    .requiredOption('--step <n>', 'the first step that is asked anew; those before it are kept', positiveInteger)
    .action(handle(async () => (await load()).again));
  withAddressOption(
    withCommonOptions(
      program.command('delete').description('delete a run, with its places and what its agents changed in them'),
    ),
  )
    .argument('<run>')
    .option('--yes', 'agree to it')
    .action(handle(async () => (await load()).deleteRun));
  withCommonOptions(program.command('export').description('write a run as files'))
    .argument('<run>')
    .requiredOption('--to <dir>', 'folder to write run.json, run.md and the texts into')
    .action(handle(async () => (await load()).exportRun));
}
