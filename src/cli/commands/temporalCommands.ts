import type { Command } from 'commander';
import { positiveInteger, withAddressOption, withCommonOptions } from '../options.ts';
import type { Handle } from '../runCli.ts';

/** A whole number from 1 on, or `auto`. */
const concurrency = (value: string): number | 'auto' => (value === 'auto' ? value : positiveInteger(value));

const load = () => import('../actions/temporalActions.ts');

/** The worker in the foreground, the dev server, and what the set-up lacks. */
export function addTemporalCommands(program: Command, handle: Handle): void {
  const add = (parent: Command, name: string, description: string): Command =>
    withAddressOption(withCommonOptions(parent.command(name).description(description)));
  add(program, 'doctor', 'what Forkpoint works with, and what is missing')
    .option('--claude <path>', 'the Claude Code to use (default: FORKPOINT_CLAUDE, else PATH)')
    .action(handle(async () => (await import('../actions/doctorAction.ts')).doctor));
  add(program, 'worker', 'the Temporal worker in the foreground; SIGTERM drains it')
    .option('--no-agents', 'take no branches that Claude Code answers')
    .option('--concurrency <n|auto>', 'model calls at once (default: 20); auto: as the load allows', concurrency)
    .option('--metrics <host:port>', 'serve metrics for Prometheus on this address of this machine')
    .option('--deployment <name>', 'be a version of this worker deployment: runs stay with their version')
    .option('--build-id <id>', 'names the version (default: a digest of the workflows)')
    .option('--health <host:port>', 'say on this address of this machine whether it takes work')
    .action(handle(async () => (await load()).worker));
  const temporal = program.command('temporal').description('the local Temporal dev server that Forkpoint manages');
  add(temporal, 'start', 'start it, unless one answers already')
    .option('--download', 'download the official Temporal CLI where none is found')
    .action(handle(async () => (await load()).startServer));
  add(temporal, 'stop', 'stop it and the workers').action(handle(async () => (await load()).stopServer));
  add(temporal, 'codec', 'let the web UI read encrypted runs, until it is interrupted')
    .option('--ui <origin>', 'address of the web UI (default: that of the server)')
    .option('--port <n>', 'port on 127.0.0.1 (default: one that is free)', positiveInteger)
    .action(handle(async () => (await load()).codec));
  add(temporal, 'replay', 'does this build do with a run what was done then? Sends nothing')
    .argument('<run>', 'run id or unique beginning of one')
    .action(handle(async () => (await load()).replay));
  add(temporal, 'status', 'what runs').action(handle(async () => (await load()).serverStatus));
}
