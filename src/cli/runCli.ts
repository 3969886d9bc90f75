// src/cli: the command line. Options become calls of the core, results become text or JSON; the rules themselves
// belong to src/core. No vscode.

import { Command, CommanderError } from 'commander';
import { BadInputError, ForkpointError } from '../core/errors.ts';
import { addAgentCommands } from './commands/agentCommands.ts';
import { addForkCommands } from './commands/forkCommands.ts';
import { addRunCommands } from './commands/runCommands.ts';
import { addScheduleCommands } from './commands/scheduleCommands.ts';
import { addSearchCommands } from './commands/searchCommands.ts';
import { addSessionCommands } from './commands/sessionCommands.ts';
import { addTemporalCommands } from './commands/temporalCommands.ts';
import { CliContext, type CommonOptions } from './context.ts';
import { withCommandFirst } from './globalOptions.ts';

/** What a command does. Resolves with the exit code. */
export type Action = (context: CliContext, ...args: string[]) => Promise<number>;

/** Makes a command's handler out of its action, which is loaded when it is called: `list` need not wait for `fork`. */
export type Handle = (load: () => Promise<Action>) => (...args: unknown[]) => Promise<void>;

/**
 * Runs one command line.
 * @param given the arguments after the program's name
 * @param version of the package
 * @returns the exit code
 */
export async function runCli(given: readonly string[], version: string): Promise<number> {
  const args = withCommandFirst(given);
  const json = args.includes('--json');
  let code = 0;
  const handle: Handle =
    (load) =>
    async (...values) => {
      // Commander appends the command itself to its arguments.
      const command = values.at(-1) as Command;
      code = await withContext(command.optsWithGlobals<CommonOptions>(), async (context) =>
        (await load())(context, ...(command.processedArgs.flat() as string[])),
      );
    };
  const program = buildProgram(args, version, handle, json);
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    // Without a command the help was printed already.
    if (error.code === 'commander.help' && !json) return 2;
    const message = error.code === 'commander.help' ? 'A command is missing.' : error.message.replace(/^error: /, '');
    new CliContext({ json }).terminal.error(new BadInputError(message, 'See `forkpoint --help`.'));
    return 2;
  }
}

function buildProgram(args: readonly string[], version: string, handle: Handle, json: boolean): Command {
  const program = new Command('forkpoint')
    .description('Fork recorded Claude Code sessions at any turn, run the branches, compare what differs.')
    .version(version)
    .showHelpAfterError(false)
    .exitOverride()
    // Errors are ours to print: with --json they are an object on stdout.
    .configureOutput({ outputError: () => {}, ...(json ? { writeOut: (text) => process.stderr.write(text) } : {}) });
  for (const addCommands of [
    addSessionCommands,
    addSearchCommands,
    addForkCommands,
    addRunCommands,
    addAgentCommands,
    addTemporalCommands,
    addScheduleCommands,
  ]) {
    addCommands(program, handle);
    // Making the others would take longer than many a command.
    if (program.commands.some((command) => command.name() === args[0])) break;
  }
  return program;
}

async function withContext(options: CommonOptions, action: (context: CliContext) => Promise<number>): Promise<number> {
  const context = new CliContext(options);
  let signals = 0;
  const onSignal = (): void => {
    signals += 1;
    if (signals > 1) process.exit(130);
    context.interrupt();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await action(context);
  } catch (error) {
    if (context.interrupted.aborted && error === context.interrupted.reason) return 130;
    context.terminal.error(error);
    return error instanceof ForkpointError ? error.exitCode : 1;
  } finally {
    await context.dispose();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
