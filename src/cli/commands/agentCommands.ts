import { type Command, Option } from 'commander';
import { collect, withAddressOption, withCommonOptions } from '../options.ts';
import type { Handle } from '../runCli.ts';

const load = () => import('../actions/agentActions.ts');
const loadPlaces = () => import('../actions/placeActions.ts');

/** Commands on branches that Claude Code answered: their code, their checks, their questions, their places. */
export function addAgentCommands(program: Command, handle: Handle): void {
  withCommonOptions(program.command('diff').description('a patch that git apply takes, from one side to another'))
    .argument('<run>')
    .argument('<a>', 'a branch’s id or name, fork-point, or recorded')
    .argument('[b]', 'likewise; with one name: from fork-point to it')
    .option('--stat', 'files with their counts of lines')
    .option('--name-only', 'paths only')
    .option('--now', 'with what was changed in the branch’s place after it ended')
    .action(handle(async () => (await load()).diff));
  withCommonOptions(program.command('check').description('run the checks again, in each branch’s place'))
    .argument('<run>')
    .argument('[branch]', 'branch id or name; default: all')
    .action(handle(async () => (await load()).check));
  withCommonOptions(program.command('apply').description('bring what a branch changed into the project, three-way'))
    .argument('<run>')
    .argument('<branch>')
    .option('--dry-run', 'say what would be written, and write nothing')
    .option('--to-branch <name>', 'commit it on a new git branch; working tree, index and HEAD stay as they are')
    .option('--now', 'with what was changed in the branch’s place after it ended')
    .action(handle(async () => (await load()).apply));
  withAddressOption(withCommonOptions(program.command('questions').description('what agents wait for')))
    .argument('[run]')
    .action(handle(async () => (await load()).questions));
  withAddressOption(withCommonOptions(program.command('approve').description('allow a call that an agent asks for')))
    .argument('<run>')
    .argument('<branch>')
    .argument('<call>', 'the question’s callId')
    .addOption(new Option('--for <scope>', 'the same call again needs no question').choices(['branch', 'run']))
    .option('--answer <question=answer>', 'where the agent asks with options (repeatable)', collect)
    .action(handle(async () => (await load()).approve));
  withAddressOption(withCommonOptions(program.command('deny').description('deny a call that an agent asks for')))
    .argument('<run>')
    .argument('<branch>')
    .argument('<call>', 'the question’s callId')
    .option('--message <text>', 'told to the agent')
    .action(handle(async () => (await load()).deny));
  addPlaceCommands(program, handle);
}

function addPlaceCommands(program: Command, handle: Handle): void {
  withCommonOptions(program.command('exec').description('run a command in a branch’s place'))
    .argument('<run>')
    .argument('<branch>')
    .argument('<cmd...>', 'after --')
    .action(handle(async () => (await loadPlaces()).exec));
  withCommonOptions(
    program.command('continue').description('go on with a branch’s session in Claude Code, in its place'),
  )
    .argument('<run>')
    .argument('<branch>')
    .option('--print', 'print the command line only')
    .action(handle(async () => (await loadPlaces()).continueBranch));
  const places = withCommonOptions(program.command('places').description('the places of all branches')).action(
    handle(async () => (await loadPlaces()).listPlaces),
  );
  withCommonOptions(
    places.command('prune').description('remove places that no run owns; what they changed is kept as a patch'),
  ).action(handle(async () => (await loadPlaces()).prunePlaces));
}
