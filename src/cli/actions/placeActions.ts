import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { describeTeardown } from '../../core/agent/describeTeardown.ts';
import { AgentError, messageOf } from '../../core/errors.ts';
import { byteSize, oneLine, relativeTime } from '../../core/format.ts';
import type { RunId } from '../../core/ids.ts';
import { nameOf } from '../../core/run/nameOf.ts';
import type { Continuation } from '../../core/useCases/agentRuns.ts';
import { type CliContext, runIdOf } from '../context.ts';
import { shellWord } from '../shellWord.ts';
import { table } from '../table.ts';

/** `exec` */
export async function exec(context: CliContext, given: string, branch: string, ...command: string[]): Promise<number> {
  const runId = await runIdOf(context, given);
  const { agents } = await context.services();
  return runHere(await agents.command(runId, branch, command));
}

/** `continue` */
export async function continueBranch(context: CliContext, given: string, branch: string): Promise<number> {
  const { print } = context.options as { print?: boolean };
  const runId = await runIdOf(context, given);
  const { agents } = await context.services();
  const continuation = await agents.continuation(runId, branch);
  const { terminal } = context;
  if (terminal.json) terminal.printJson(continuation);
  else if (print === true) {
    const env = Object.entries(continuation.env).map(([name, value]) => `${name}=${shellWord(value)}`);
    terminal.print(
      `cd ${shellWord(continuation.cwd)} && ${[...env, ...continuation.command.map(shellWord)].join(' ')}`,
    );
  } else return runHere(continuation);
  return 0;
}

/** Runs a program on this terminal and ends as it does. */
function runHere({ command, cwd, env }: Continuation): Promise<number> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: 'inherit' });
    child.on('error', (error) =>
      reject(new AgentError(`Can't start ${program}: ${messageOf(error)}`, 'Check the path.')),
    );
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGINT']));
  });
}

/** `places` */
export async function listPlaces(context: CliContext): Promise<number> {
  const { agents } = await context.services();
  const places = (await agents.places()).map(({ id, ...info }) => ({ runId: id.runId, branch: id.name, ...info }));
  const { terminal } = context;
  if (terminal.json) terminal.printJson({ places });
  else if (places.length === 0) terminal.note('There are no places.');
  else {
    const names = await namesOf(context, new Set(places.filter(({ orphan }) => !orphan).map(({ runId }) => runId)));
    const rows = places.map(({ runId, branch, kind, bytes, createdAt, inUse, orphan }) => [
      runId,
      names.get(`${runId} ${branch}`) ?? branch,
      kind,
      byteSize(bytes),
      relativeTime(createdAt, Date.now()),
      inUse ? 'in use' : orphan ? 'no run owns it' : '',
    ]);
    terminal.print(table(['RUN', 'BRANCH', 'KIND', 'SIZE', 'MADE', ''], rows, ['SIZE']));
  }
  return 0;
}

/** Names of branches as tables show them, by the ids of run and branch. */
async function namesOf(context: CliContext, runIds: ReadonlySet<RunId>): Promise<Map<string, string>> {
  const { runs } = await context.services();
  const names = new Map<string, string>();
  for (const runId of runIds) {
    const plan = await runs.plan(runId).catch(() => null);
    for (const branch of plan?.branches ?? []) {
      names.set(`${runId} ${branch.branchId}`, `${oneLine(nameOf(branch), 30)} (${branch.branchId})`);
    }
  }
  return names;
}

/** `places prune` */
export async function prunePlaces(context: CliContext): Promise<number> {
  const { agents } = await context.services();
  const removed = (await agents.prune()).map(({ place, ...what }) => ({
    runId: place.id.runId,
    branch: place.id.name,
    root: place.root,
    ...what,
  }));
  const { terminal } = context;
  if (terminal.json) terminal.printJson({ removed });
  else if (removed.length === 0) terminal.note('Nothing to remove: every place has its run, or is in use.');
  for (const { runId, branch, patch } of terminal.json ? [] : removed) {
    terminal.print(`${runId} ${branch}${patch === null ? '' : ` · what it changed: ${patch}`}`);
  }
  const failed = removed.flatMap(({ failedTeardowns }) => failedTeardowns);
  for (const each of failed) terminal.note(oneLine(describeTeardown(each), 400));
  return failed.length === 0 ? 0 : 1;
}
