// src/views/forkPanel: the fork panel's side in the extension: drafts, previews, the conversation as rows, the run
// below it. The page itself is in app/; the two share protocol.ts and nothing else.

import * as vscode from 'vscode';
import type { ForkRequest } from '../../core/fork/forkRequest.ts';
import type { RunId } from '../../core/ids.ts';
import { plainText } from '../../core/plainText.ts';
import type { ForkPreview } from '../../core/useCases/forkService.ts';
import type { ApiKey } from '../apiKey.ts';
import { runCommand } from '../commands.ts';
import type { CutTarget } from '../commandTable.ts';
import type { RunChoices } from '../runChoices.ts';
import { settings } from '../settings.ts';
import { answerCall } from './answerCall.ts';
import { confirmBypass } from './confirmBypass.ts';
import { DraftStore, type KeyValueStore } from './draftStore.ts';
import { type ForkTarget, OpenTargets } from './openTargets.ts';
import type { PanelContext, PanelServices } from './panelContext.ts';
import { PanelController } from './panelController.ts';
import { lostPanelHtml, panelHtml } from './panelHtml.ts';
import { savedPanelSchema } from './protocol.ts';

/** What the fork panels are built on. */
export interface ForkPanelDeps {
  extensionUri: vscode.Uri;
  /** Loaded when the first panel opens. */
  services(): Promise<PanelServices>;
  /** Diff editors of a run: all branches, one against the recording, or the two that are named. */
  openComparison(runId: RunId, a?: string, b?: string): Promise<void>;
  /** What files held where a fork is cut. */
  showFiles(cut: CutTarget): Promise<void>;
  /**
   * Asked before a run. The panel has already shown what is sent or started and its cost range beside the button, so there
   * need not be a second question.
   */
  confirm(preview: ForkPreview, request: ForkRequest): Promise<boolean>;
  apiKey: ApiKey;
  choices: RunChoices;
  /** Runs again what failed or was left undone, after saying what that sends and may cost. */
  runAgain(reason: 'retry' | 'resume', runId: RunId): Promise<void>;
  /** Of half-filled forks, so that they outlive their panel and a crash. */
  storage: KeyValueStore;
}

const viewType = 'forkpoint.fork';

/** Opens fork panels and brings them back after a reload or a restart. */
export class ForkPanelManager implements vscode.Disposable {
  private readonly panels = new Map<vscode.WebviewPanel, PanelController>();
  private readonly drafts: DraftStore;
  private readonly targets: OpenTargets;

  constructor(private readonly deps: ForkPanelDeps) {
    this.drafts = new DraftStore(deps.storage);
    this.targets = new OpenTargets(deps.storage);
  }

  /** Shows the fork at this point: a panel that is already making it, else a new one. */
  async open(target: ForkTarget): Promise<void> {
    const wanted = JSON.stringify(target);
    for (const [panel, controller] of this.panels) {
      if (controller.hasRun || JSON.stringify(controller.target) !== wanted) continue;
      panel.reveal();
      return;
    }
    const panel = vscode.window.createWebviewPanel(viewType, 'Fork', vscode.ViewColumn.Active, this.webviewOptions());
    this.connect(panel, target);
  }

  /** Lets VS Code restore panels. Register once, at activation. */
  registerSerializer(): vscode.Disposable {
    const serializer = vscode.window.registerWebviewPanelSerializer(viewType, {
      deserializeWebviewPanel: async (panel, state) => {
        const saved = savedPanelSchema.safeParse(state);
        const { session, at } = saved.data?.draft ?? {};
        const target = session !== undefined && at !== undefined ? { session, at } : await this.targets.take();
        if (target === null) {
          panel.webview.html = lostPanelHtml;
          return;
        }
        await this.targets.found(target);
        panel.webview.options = this.webviewOptions();
        this.connect(panel, target);
      },
    });
    return vscode.Disposable.from(serializer, this.followAnswerers());
  }

  /** Who can answer may be another one after these. */
  private followAnswerers(): vscode.Disposable {
    const told = () => {
      for (const panel of this.panels.keys()) void panel.webview.postMessage({ event: 'answerersChanged', data: {} });
    };
    return vscode.Disposable.from(
      vscode.workspace.onDidGrantWorkspaceTrust(told),
      this.deps.apiKey.onDidChange(told),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration('forkpoint')) told();
      }),
    );
  }

  /** Whether a person sees how this run goes in a panel right now. */
  isShowing(runId: RunId): boolean {
    return [...this.panels].some(([panel, controller]) => panel.visible && controller.shownRun === runId);
  }

  dispose(): void {
    // The panels themselves stay: VS Code brings them back with the next window.
    for (const controller of this.panels.values()) controller.dispose();
  }

  private webviewOptions(): vscode.WebviewOptions {
    return {
      enableScripts: true,
      localResourceRoots: [vscode.Uri.joinPath(this.deps.extensionUri, 'dist', 'webview')],
    };
  }

  private connect(panel: vscode.WebviewPanel, target: ForkTarget): void {
    const controller = new PanelController(this.contextOf(panel), target);
    this.panels.set(panel, controller);
    this.rememberOpen();
    panel.iconPath = new vscode.ThemeIcon('repo-forked');
    panel.onDidDispose(() => {
      this.panels.delete(panel);
      controller.dispose();
      this.rememberOpen();
    });
    panel.webview.onDidReceiveMessage(async (message: unknown) => {
      await panel.webview.postMessage(await answerCall(message, controller));
    });
    panel.webview.html = this.html(panel.webview);
  }

  private rememberOpen(): void {
    void this.targets.keep([...this.panels.values()].map(({ target }) => target));
  }

  private contextOf(panel: vscode.WebviewPanel): PanelContext {
    return {
      services: () => this.deps.services(),
      drafts: this.drafts,
      tell: (event, data) => void panel.webview.postMessage({ event, data }),
      titled: (title) => {
        panel.title = title;
      },
      cutMoved: () => this.rememberOpen(),
      openComparison: (runId, a, b) => this.deps.openComparison(runId, a, b),
      openLink,
      runAgain: (reason, runId) => this.deps.runAgain(reason, runId),
      confirm: (preview, request) => this.deps.confirm(preview, request),
      showFiles: (cut) => this.deps.showFiles(cut),
      takeStep: (step) => takeStep(step),
      hasApiKey: () => this.deps.apiKey.isSet(),
      lastExecutor: () => this.deps.choices.executor,
      keepExecutor: (executor) => void this.deps.choices.keepExecutor(executor),
      demo: () => process.env['FORKPOINT_DEMO'] === '1',
      inContainer,
      allowBypass: confirmBypass,
      agentDefaults: () => settings.agents(),
      offeredModels: () => settings.models(),
      defaultEngine: () => settings.engine(),
      trusted: () => vscode.workspace.isTrusted,
      now: Date.now,
      later: (ms, callback) => {
        const timer = setTimeout(callback, ms);
        return { dispose: () => clearTimeout(timer) };
      },
    };
  }

  private html(webview: vscode.Webview): string {
    const asset = (name: string) =>
      webview.asWebviewUri(vscode.Uri.joinPath(this.deps.extensionUri, 'dist', 'webview', name)).toString();
    return panelHtml({
      script: asset('forkPanel.js'),
      style: asset('forkPanel.css'),
      codicons: asset('codicon.css'),
      cspSource: webview.cspSource,
      nonce: crypto.randomUUID().replaceAll('-', ''),
    });
  }
}

const stepCommands = {
  setApiKey: () => runCommand('forkpoint.setApiKey'),
  findClaude: async () => {
    await vscode.commands.executeCommand('workbench.action.openSettings', 'forkpoint.claudePath');
  },
  trust: async () => {
    await vscode.commands.executeCommand('workbench.trust.manage');
  },
};

async function takeStep(step: keyof typeof stepCommands): Promise<void> {
  await stepCommands[step]();
}

/** Whether this extension host, and all that it starts, runs inside a container. */
function inContainer(): boolean {
  return ['dev-container', 'attached-container', 'codespaces'].includes(vscode.env.remoteName ?? '');
}

/** A link in a recording is somebody else's text: it opens only after the person has seen where it leads. */
async function openLink(href: string): Promise<void> {
  const open = 'Open';
  const answer = await vscode.window.showInformationMessage(
    'Open this address from the recording?',
    { modal: true, detail: plainText(href) },
    open,
  );
  if (answer === open) await vscode.env.openExternal(vscode.Uri.parse(href, true));
}
