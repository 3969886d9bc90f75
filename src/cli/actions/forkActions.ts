import { chosenSecret, secretWords } from '../../core/api/apiSecret.ts';
import type { EngineKind } from '../../core/fork/runChoices.ts';
import type { RunId } from '../../core/ids.ts';
import type { ForkPreview } from '../../core/useCases/forkService.ts';
import { confirmSending } from '../confirmSending.ts';
import type { CliContext } from '../context.ts';
import { checkDetach, finishRun, type SendingOptions } from '../finishRun.ts';
import {
  checkBypass,
  checkDemo,
  checkExecutor,
  type ForkOptions,
  forkRequestOf,
  type RunOptions,
  replayRequestOf,
} from '../forkOptions.ts';
import { pointOf } from '../pointOf.ts';
import { dryRunEnd, previewLines } from '../previewLines.ts';

/** `fork` */
export async function fork(context: CliContext, session: string | undefined): Promise<number> {
  const options = context.options as ForkOptions & SendingOptions;
  const request = await forkRequestOf(session, pointOf(context.options as object), options);
  checkBypass(request.permissions, options);
  checkDemo(request, context.options);
  const { forks } = await context.services();
  return send(context, request.engine, await forks.preview(request), (runId) => forks.dispatch(request, runId));
}

/** `replay` */
export async function replay(context: CliContext, session: string): Promise<number> {
  const request = replayRequestOf(session, context.options as RunOptions);
  checkBypass(request.permissions, context.options as RunOptions);
  checkDemo(request, context.options);
  const { forks } = await context.services();
  const preview = await forks.previewReplay(request);
  return send(context, request.engine, preview, (runId) => forks.dispatchReplay(request, runId));
}

async function send(
  context: CliContext,
  engine: EngineKind,
  preview: ForkPreview,
  dispatch: (runId: RunId) => Promise<unknown>,
): Promise<number> {
  checkDetach(engine, context.options as SendingOptions);
  checkExecutor(preview.executor, context.options as RunOptions);
  const { terminal } = context;
  const { dryRun } = context.options as { dryRun?: boolean };
  const secret = preview.billed && preview.executor === 'api' ? chosenSecret(undefined, process.env) : null;
  const lines = [...previewLines(preview), ...(secret === null ? [] : [`Requests go ${secretWords(secret)}.`])];
  // What a dry run says is its result; before a run it is what a person reads on the way.
  if (dryRun === true && !terminal.json) {
    for (const line of [...lines, dryRunEnd(preview)]) terminal.print(line);
    return 0;
  }
  for (const line of lines) terminal.note(line);
  if (dryRun === true) {
    terminal.printJson({ preview });
    return 0;
  }
  await confirmSending(context, preview);
  context.interrupted.throwIfAborted();
  const { forks } = await context.services();
  const runId = forks.newRunId();
  // Its id is told the moment the run exists, which may be some time before an engine has taken it.
  const told = forks.watch((created) => {
    if (created !== runId) return;
    told.dispose();
    terminal.note(`Run ${runId}`);
  });
  try {
    await dispatch(runId);
  } finally {
    told.dispose();
  }
  return finishRun(context, runId);
}
