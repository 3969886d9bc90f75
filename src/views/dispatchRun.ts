import * as vscode from 'vscode';
import { AgentError, BadInputError, EngineUnavailableError, PlaceError } from '../core/errors.ts';
import type { Asked, RunSettings } from '../core/fork/forkRequest.ts';
import { modelName, money, oneLine, plural } from '../core/format.ts';
import type { RunId } from '../core/ids.ts';
import { messageSafe } from '../core/plainText.ts';
import type { ForkPreview } from '../core/useCases/forkService.ts';
import { agentName, filesFact, loginFact, permissionTexts, placeFact } from './agentTexts.ts';
import type { ApiKey } from './apiKey.ts';
import { confirmRun, runLabel } from './confirmRun.ts';
import type { Log } from './log.ts';
import { type Choice, choice, pickOne } from './quickInput.ts';
import type { RunChoices } from './runChoices.ts';
import type { RunList } from './runTree/runList.ts';
import { isUnderWay } from './runTree/runNodes.ts';
import { sendLine } from './sendLine.ts';
import { showError } from './showError.ts';
import type { ServiceProvider, ViewServices } from './viewServices.ts';

export interface DispatchDeps {
  services: ServiceProvider;
  runs: RunList;
  apiKey: ApiKey;
  choices: RunChoices;
  log: Log;
}

/**
 * Shows what a run will send where and what it may cost; runs it after a click on that, and shows its progress. Where
 * Temporal can't be reached, running it in this window is offered, never done unasked.
 */
export async function dispatchRun(asked: Asked, deps: DispatchDeps): Promise<void> {
  requireTrust();
  const services = await deps.services.get();
  const preview = await previewOf(asked, services).catch((error: unknown) => withoutAgent(error, asked, deps));
  if (preview === null) return;
  requirePlace(preview);
  if (!(await confirmed(preview, asked.request, deps))) return;
  // One id for all tries of this click: what was dispatched once is not dispatched again.
  const runId = services.forks.newRunId();
  await started(asked, runId, deps);
}

/** @throws PlaceError where agents would have no place to work in */
function requirePlace({ agent }: ForkPreview): void {
  if (agent === null || agent.place !== null) return;
  const reasons = agent.places.map(({ kind, detail }) => `${kind}: ${detail}`);
  throw new PlaceError(
    ['There is no place for an agent to work in.', ...reasons].join(' '),
    'Answer it with the Messages API instead.',
  );
}

/** @throws BadInputError where the workspace isn't trusted: nothing may be sent or started there */
export function requireTrust(): void {
  if (vscode.workspace.isTrusted) return;
  throw new BadInputError(
    'This workspace is in Restricted Mode: sessions can be read, not forked or run.',
    'Trust the workspace first.',
  );
}

/** Where there is no Claude Code: says so, with the ways out. Anything else goes on as the error that it is. */
async function withoutAgent(error: unknown, asked: Asked, deps: DispatchDeps): Promise<null> {
  if (!(error instanceof AgentError)) throw error;
  await showError(error, deps.log, {
    'Use the Messages API': () => dispatchRun(changed(asked, { executor: 'api' }), deps),
    Settings: async () => {
      await vscode.commands.executeCommand('workbench.action.openSettings', 'forkpoint.claudePath');
    },
  });
  return null;
}

async function started(asked: Asked, runId: RunId, deps: DispatchDeps): Promise<void> {
  const { forks } = await deps.services.get();
  try {
    if (asked.kind === 'fork') await forks.dispatch(asked.request, runId);
    else await forks.dispatchReplay(asked.request, runId);
  } catch (error) {
    if (!(error instanceof EngineUnavailableError) || asked.request.engine !== 'temporal') throw error;
    await showError(error, deps.log, {
      'Start Dev Server': async () => {
        const { temporal } = await deps.services.get();
        const title = 'Starting the Temporal dev server';
        await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, () =>
          temporal.startServer(),
        );
        await started(asked, runId, deps);
      },
      'Run in This Window': () => started(changed(asked, { engine: 'in-process' }), runId, deps),
      Settings: async () => {
        await vscode.commands.executeCommand('workbench.action.openSettings', 'forkpoint.temporal');
      },
    });
    return;
  }
  await followProgress(runId, deps);
}

function changed(asked: Asked, change: Partial<RunSettings>): Asked {
  return asked.kind === 'fork'
    ? { kind: 'fork', request: { ...asked.request, ...change } }
    : { kind: 'replay', request: { ...asked.request, ...change } };
}

function previewOf(asked: Asked, { forks }: ViewServices): Promise<ForkPreview> {
  return asked.kind === 'fork' ? forks.preview(asked.request) : forks.previewReplay(asked.request);
}

async function confirmed(
  preview: ForkPreview,
  request: Asked['request'],
  { apiKey, choices }: DispatchDeps,
): Promise<boolean> {
  if (preview.agent === null && preview.billed && !(await apiKey.isSet())) {
    const set = 'Set API Key';
    const answer = await vscode.window.showWarningMessage(`There is no API key for ${preview.host ?? 'the API'}.`, set);
    if (answer !== set || !(await apiKey.ask())) return false;
  }
  const picked = await pickOne(confirmationChoices(preview, request), {
    title: `Run · ${oneLine(preview.point.label, 60)}`,
    placeholder: 'Enter runs what is listed here, Escape sends nothing',
  });
  return picked === 'run' && (await confirmRun(preview, request, choices));
}

/** The button first, then what it will do; choosing one of the facts runs nothing. */
function confirmationChoices(preview: ForkPreview, request: Asked['request']): Choice<'run' | 'nothing'>[] {
  const fact = (icon: string, label: string, detail?: string) => {
    const plain = choice<'run' | 'nothing'>('nothing', label, '', detail);
    return { ...plain, label: `$(${icon}) ${plain.label}` };
  };
  const run: Choice<'run'> = {
    value: 'run',
    label: `$(play) ${runLabel(preview)}`,
    detail: messageSafe(sendLine(preview)),
  };
  const heading = { value: 'nothing' as const, label: 'What is sent', kind: vscode.QuickPickItemKind.Separator };
  const fidelity =
    preview.fidelity === 'exact'
      ? fact('pass', 'Exact: rebuilt from Claude Code’s request log; the digest verifies')
      : fact(
          'info',
          preview.digestVerified
            ? 'Rebuilt from Claude Code’s request log, not all of it'
            : 'Reconstructed from the transcript',
          preview.missing.length > 0 ? `Missing: ${preview.missing.join(', ')}` : undefined,
        );
  const branches = preview.branches.map(({ name, model, repeats, changes, notes }) =>
    fact(
      'repo-forked',
      [name, name === modelName(model) ? '' : modelName(model), repeats > 1 ? `×${repeats}` : '', changes.join(', ')]
        .filter(Boolean)
        .join(' · '),
      notes.join(' ') || undefined,
    ),
  );
  return [
    run,
    heading,
    fidelity,
    ...branches,
    ...executionFacts(preview, request).map(({ icon, text, detail }) => fact(icon, text, detail)),
    ...preview.notes.map((note) => fact('info', note)),
  ];
}

/** Who answers where, and within which limits. */
function executionFacts(
  preview: ForkPreview,
  request: Asked['request'],
): { icon: string; text: string; detail?: string }[] {
  const { agent } = preview;
  const engine = request.engine === 'temporal' ? 'on Temporal' : 'in this window';
  const budget = request.budgetUsd === undefined ? 'no budget' : `budget ${money(request.budgetUsd)}`;
  if (agent === null) {
    const tools = request.tools === 'recorded' ? 'tools answered from the recording' : 'stops at the first tool call';
    const limits = `at most ${plural(preview.maxRequests, 'request')} · ${budget}`;
    return [{ icon: 'settings', text: `${engine} · ${tools}`, detail: limits }];
  }
  const files = filesFact(agent);
  const checks = (request.checks ?? []).map(({ name }) => name);
  const starts = { turn: 'files at this turn', now: 'files as they are now' }[agent.filesChoice];
  return [
    {
      icon: 'terminal',
      text: `${agentName(agent.agent)} · ${loginFact(agent.agent).text}`,
      detail: agent.agent.program,
    },
    {
      icon: 'folder',
      text: [placeFact(agent).text, starts ?? `files at ${agent.filesChoice}`, files?.text].filter(Boolean).join(' · '),
      detail: agent.place?.detail ?? '',
    },
    // A label has room for some 100 characters.
    ...agent.warnings.map((text) => ({ icon: 'info', text, ...(text.length > 100 && { detail: text }) })),
    ...(request.setup ?? []).map((command) => ({ icon: 'run', text: `set-up: ${command}` })),
    { icon: 'shield', text: permissionTexts[request.permissions ?? 'ask'] },
    {
      icon: 'settings',
      text: [engine, checks.length > 0 && `checks: ${checks.join(', ')}`].filter(Boolean).join(' · '),
      detail: budget,
    },
  ];
}

/** Progress with a Cancel button until the run has ended. Temporal runs go on when the window closes. */
async function followProgress(runId: RunId, { services, runs }: DispatchDeps): Promise<void> {
  await runs.refresh(runId);
  const { forks } = await services.get();
  const title = oneLine(runs.find(runId)?.title ?? 'Run', 60);
  const options = {
    location: vscode.ProgressLocation.Notification,
    cancellable: true,
    title: messageSafe(`Running “${title}”`),
  };
  await vscode.window.withProgress(options, (progress, token) => {
    token.onCancellationRequested(() => void forks.cancel(runId));
    return new Promise<void>((resolve) => {
      const show = () => {
        const run = runs.find(runId);
        if (run === undefined || !isUnderWay(run.state)) {
          following.dispose();
          resolve();
          return;
        }
        const ended = run.branches.filter(({ state }) => !isUnderWay(state)).length;
        progress.report({ message: `${ended} of ${run.branches.length}` });
      };
      const following = runs.onDidChange(show);
      show();
    });
  });
}
