import { byteSize, oneLine, plural } from '../../core/format.ts';
import type { CliOffer, ForegroundWorker, ReplayedExecution, TemporalStatus } from '../../core/run/temporalControl.ts';
import { type CliContext, runIdOf } from '../context.ts';

/** `worker` */
export async function worker(context: CliContext): Promise<number> {
  const { temporal } = await context.services();
  const { agents, concurrency, metrics, health, deployment, buildId } = context.options as ForegroundWorker;
  const options = { agents, concurrency, metrics, health, deployment, buildId };
  return temporal.runWorker(context.interrupted, options);
}

/** `temporal start` */
export async function startServer(context: CliContext): Promise<number> {
  const { temporal } = await context.services();
  const offer = await temporal.cliOffer();
  if (offer !== null && (await agreesToDownload(context, offer))) await download(context, offer);
  return control(context, 'startServer');
}

/** Without a terminal and without `--download` nothing is fetched: starting fails and says how to go on. */
async function agreesToDownload({ terminal, options, interrupted }: CliContext, offer: CliOffer): Promise<boolean> {
  if ((options as { download?: boolean }).download === true) return true;
  if (!terminal.interactive) return false;
  const { version, host, megabytes, folder, otherWays } = offer;
  terminal.note('No Temporal CLI was found on this machine.');
  const question = `Download version ${version} from ${host} (about ${megabytes} MB) into ${folder}?`;
  return terminal.confirm(`${question} Otherwise: ${otherWays.join(', ')}.`, interrupted);
}

async function download(context: CliContext, { version, host }: CliOffer): Promise<void> {
  const { terminal, interrupted } = context;
  const what = `Downloading the Temporal CLI ${version} from ${host}`;
  terminal.note(what);
  const { temporal } = await context.services();
  await temporal.installCli({
    signal: interrupted,
    onProgress: (bytes) => terminal.progress(`${what} · ${byteSize(bytes)}`),
  });
}

/** `temporal stop` */
export async function stopServer(context: CliContext): Promise<number> {
  const { temporal } = await context.services();
  const open = await temporal.openRuns();
  const code = await control(context, 'stopServer');
  if (open.length > 0) {
    context.terminal.note(`Under way, and going on once the server is started again: ${open.join(', ')}`);
  }
  return code;
}

/** `temporal status` */
export const serverStatus = (context: CliContext): Promise<number> => control(context, 'status');

/** `temporal codec` */
export async function codec(context: CliContext): Promise<number> {
  const { temporal } = await context.services();
  const { ui, port } = context.options as { ui?: string; port?: number };
  const server = await temporal.startCodecServer({ ...(ui && { origin: ui }), ...(port && { port }) });
  try {
    const { endpoint, origins } = server;
    if (context.terminal.json) context.terminal.printJson({ endpoint, origins });
    else {
      context.terminal.print(
        [
          `Codec endpoint: ${endpoint}`,
          `Set it in the web UI (${origins.join(' or ')}) under “Data Encoder”, or give it to the Temporal CLI as --codec-endpoint.`,
          'Who knows it can read your runs while this command is running. Ctrl+C ends it.',
        ].join('\n'),
      );
    }
    await new Promise<void>((resolve) => {
      if (context.interrupted.aborted) resolve();
      else context.interrupted.addEventListener('abort', () => resolve(), { once: true });
    });
    return 0;
  } finally {
    await server.close();
  }
}

/** `temporal replay` */
export async function replay(context: CliContext, given: string): Promise<number> {
  const runId = await runIdOf(context, given);
  const { temporal } = await context.services();
  const executions = await temporal.replayRun(runId, context.interrupted);
  const isDeterministic = executions.every(({ error }) => error === null);
  if (context.terminal.json) context.terminal.printJson({ runId, isDeterministic, executions });
  else {
    for (const execution of executions) context.terminal.print(replayLine(execution));
  }
  return isDeterministic ? 0 : 1;
}

function replayLine({ executionId, events, error }: ReplayedExecution): string {
  const outcome = error === null ? 'this build does the same' : `this build does something else: ${oneLine(error)}`;
  return `Execution ${executionId}, ${plural(events, 'event')}: ${outcome}`;
}

async function control(context: CliContext, action: 'startServer' | 'stopServer' | 'status'): Promise<number> {
  const { temporal } = await context.services();
  const status = await temporal[action]();
  if (context.terminal.json) context.terminal.printJson(status);
  else context.terminal.print(statusText(status));
  return 0;
}

function statusText({ server, workers }: TemporalStatus): string {
  const who = server.managed ? `started by Forkpoint, process ${server.pid ?? 'unknown'}` : 'not started by Forkpoint';
  const state =
    server.state === 'stopped'
      ? `Temporal is not running on ${server.address}.`
      : `Temporal is ${server.state} on ${server.address} (${who}).`;
  const ui = server.ui === null ? [] : [`Web UI: ${server.ui}`];
  const working = workers.map(
    ({ pid, taskQueue, state }) => `Worker ${pid ?? 'elsewhere'}: ${state} on task queue ${taskQueue}`,
  );
  return [state, ...ui, ...(working.length === 0 ? ['No worker.'] : working)].join('\n');
}
