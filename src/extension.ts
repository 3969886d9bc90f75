// src: the composition roots: the extension (this file) and the command line (cli/). The files beside this one
// construct adapters and engines for both. No rules and no I/O of their own, and nobody imports a root.

import type * as vscode from 'vscode';
import { KeyValueFiles } from './adapters/keyValueFiles.ts';
import { agentViews } from './views/agentViews.ts';
import { ApiKey } from './views/apiKey.ts';
import { BranchDiffs } from './views/branchDiff/branchDiffs.ts';
import { compareCommands } from './views/branchDiff/compareCommands.ts';
import { type CommandHandlers, registerCommands, runCommand } from './views/commands.ts';
import { confirmRun } from './views/confirmRun.ts';
import { EncryptionKey } from './views/encryptionKey.ts';
import { FilesAtTurn } from './views/filesAtTurn/filesAtTurn.ts';
import { filesCommands } from './views/filesAtTurn/filesCommands.ts';
import { ForkPanelManager } from './views/forkPanel/forkPanel.ts';
import { generalCommands } from './views/generalCommands.ts';
import { keepCommands } from './views/keepSessions/keepCommands.ts';
import { Log } from './views/log.ts';
import { Pickers } from './views/pickers.ts';
import { ProblemDocuments } from './views/problems/problemDocuments.ts';
import { ReplaceableServices } from './views/replaceableServices.ts';
import { RunChoices } from './views/runChoices.ts';
import { runCommands } from './views/runTree/runCommands.ts';
import { RunList } from './views/runTree/runList.ts';
import { runNotifications } from './views/runTree/runNotifications.ts';
import { runStatusBar } from './views/runTree/runStatusBar.ts';
import { RunTreeView } from './views/runTree/runTreeView.ts';
import { scheduleCommands } from './views/schedules/scheduleCommands.ts';
import { searchCommands } from './views/search/searchCommands.ts';
import { SearchIndexing } from './views/search/searchIndexing.ts';
import { revealCommands } from './views/sessionTree/revealCommands.ts';
import { sessionCommands } from './views/sessionTree/sessionCommands.ts';
import { SessionTreeView } from './views/sessionTree/sessionTreeView.ts';
import { TurnDocuments } from './views/sessionTree/turnDocuments.ts';
import { claudeCodeFolders, followServiceSettings, settings } from './views/settings.ts';
import { SetupDocument } from './views/setup/setupDocument.ts';
import { showError } from './views/showError.ts';
import { temporalCommands } from './views/temporal/temporalCommands.ts';
import { temporalProfileCommand } from './views/temporal/temporalProfileCommand.ts';
import { TemporalStatusBar } from './views/temporal/temporalStatusBar.ts';

let services: ReplaceableServices | null = null;

/** Registers everything and returns: nothing is read, started or sent before a view or a command asks. */
export function activate(context: vscode.ExtensionContext): void {
  const log = new Log();
  const apiKey = new ApiKey(context.secrets);
  const encryptionKey = new EncryptionKey(context.secrets);
  const provider = new ReplaceableServices(() => makeServices(apiKey, encryptionKey, log));
  services = provider;
  const views = createViews(context, { log, apiKey, encryptionKey, provider });
  const { runs, tree, runTree, documents, files, problems, setup, diffs, panels, temporalStatus, indexing, agents } =
    views;
  context.subscriptions.push(
    log,
    runs,
    tree,
    runTree,
    documents,
    files,
    problems,
    setup,
    diffs,
    agents.registrations,
    panels,
    panels.registerSerializer(),
    temporalStatus,
    indexing,
    runStatusBar(runs),
    runNotifications(
      runs,
      (runId) => diffs.openComparison(runId),
      (runId) => panels.isShowing(runId),
    ),
    followServiceSettings(provider, runs),
    tree.onDidChangeSession((session) => {
      documents.refresh(session);
      files.refresh(session);
      problems.refresh(session);
    }),
    registerCommands(commandHandlers(views), log.debug, (error) => showError(error, log)),
  );
}

interface Basics {
  log: Log;
  apiKey: ApiKey;
  encryptionKey: EncryptionKey;
  provider: ReplaceableServices;
}

function createViews(context: vscode.ExtensionContext, { log, apiKey, encryptionKey, provider }: Basics) {
  const runs = new RunList(provider, log.error);
  const tree = new SessionTreeView(provider, log.error);
  const diffs = new BranchDiffs(provider, runs, context.extensionUri, (error) => showError(error, log));
  const choices = new RunChoices(context.globalState, context.workspaceState);
  const files = new FilesAtTurn(provider);
  const panels = new ForkPanelManager({
    extensionUri: context.extensionUri,
    services: () => provider.get(),
    openComparison: (runId, a, b) => diffs.openComparison(runId, a, b),
    showFiles: (cut) => files.showState(cut),
    confirm: (preview, request) => confirmRun(preview, request, choices),
    apiKey,
    choices,
    runAgain: async (reason, runId) => {
      await runCommand(reason === 'retry' ? 'forkpoint.retryFailed' : 'forkpoint.resumeRun', { runId });
    },
    storage: new KeyValueFiles((context.storageUri ?? context.globalStorageUri).fsPath),
  });
  const pickers = new Pickers({ services: provider, sessions: () => tree.sessions(), runs });
  const shared = { services: provider, runs, apiKey, choices, log, pickers };
  return {
    shared,
    encryptionKey,
    runs,
    tree,
    runTree: new RunTreeView(runs, log.error),
    documents: new TurnDocuments(provider),
    files,
    problems: new ProblemDocuments(provider),
    setup: new SetupDocument(provider),
    diffs,
    panels,
    indexing: new SearchIndexing(log.error),
    temporalStatus: new TemporalStatusBar(provider, runs),
    agents: agentViews({ ...shared, isShowing: (runId) => panels.isShowing(runId) }),
  };
}

function commandHandlers(views: ReturnType<typeof createViews>): CommandHandlers {
  const { shared, tree, runTree, documents, problems, files, diffs, panels, agents } = views;
  const { services: provider, pickers, apiKey, log } = shared;
  return {
    ...keepCommands({ services: provider, sessions: () => tree.sessions() }),
    ...revealCommands(tree, pickers),
    ...sessionCommands({ ...shared, tree, documents, problems, openForkPanel: (target) => panels.open(target) }),
    ...searchCommands(provider, views.indexing),
    ...filesCommands(files, pickers),
    ...runCommands(shared),
    ...compareCommands(diffs, pickers, agents.pickAgentBranch),
    ...agents.commands,
    ...scheduleCommands({ ...shared, reveal: (runId) => runTree.reveal(runId) }),
    ...temporalCommands(provider, views.temporalStatus),
    ...temporalProfileCommand(provider),
    ...generalCommands({
      apiKey,
      encryptionKey: views.encryptionKey,
      setup: views.setup,
      log,
      refresh: [() => tree.reload(), () => runTree.reload()],
    }),
  };
}

/** Runs of this window are left interrupted; those on Temporal go on. */
export async function deactivate(): Promise<void> {
  await services?.dispose();
}

async function makeServices(apiKey: ApiKey, encryptionKey: EncryptionKey, log: Log) {
  const [{ createServices }, { tracingOf }] = await Promise.all([
    import('./services.ts'),
    import('./adapters/tracing/tracingOf.ts'),
  ]);
  const { dataDir, apiBaseUrl, temporalAddress, temporalNamespace, temporalTaskQueue, temporalStore, temporalCliPath } =
    settings;
  const { temporalMetrics, temporalProfile } = settings;
  return createServices({
    claudeDirs: settings.claudeDirs(),
    extensionFolders: claudeCodeFolders(),
    reader: 'thread',
    apiKey: () => apiKey.stored(),
    proxy: { by: 'editor', forWorkers: settings.proxyVariables() },
    encryption: () => encryptionKey.get(),
    // `npm start` opens the editor on the sample session, where no key is needed and nothing is sent.
    provider: process.env['FORKPOINT_DEMO'] === '1' ? 'demo' : 'anthropic',
    concurrency: settings.concurrency(),
    callsPerModel: settings.callsPerModel(),
    prices: settings.prices(),
    keepForkedSessions: settings.keepForkedSessions,
    cache: settings.cache,
    log: log.error,
    tracing: await tracingOf(process.env, (message) => log.error(message, null)),
    ...given({ home: dataDir(), baseUrl: apiBaseUrl(), claudePath: settings.claudePath() }),
    temporal: given({
      address: temporalAddress(),
      namespace: temporalNamespace(),
      taskQueue: temporalTaskQueue(),
      store: temporalStore(),
      cliPath: temporalCliPath(),
      metrics: temporalMetrics(),
      profile: temporalProfile(),
    }),
  });
}

/** The members that have a value. */
function given<T extends Record<string, string | undefined>>(members: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: string;
  };
}
