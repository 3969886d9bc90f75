import * as vscode from 'vscode';
import { setupText } from '../../core/setup/setupCheck.ts';
import { setupScheme } from '../documentUris.ts';
import { settings } from '../settings.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { VirtualDocuments } from '../virtualDocuments.ts';

const uri = vscode.Uri.from({ scheme: setupScheme, path: '/Forkpoint Set-up.txt' });

/** What Forkpoint works with on this machine, and the next step where something is missing: the same as `forkpoint doctor`. */
export class SetupDocument implements vscode.Disposable {
  readonly #documents: VirtualDocuments;
  #text: Promise<string> | null = null;

  constructor(private readonly services: ServiceProvider) {
    this.#documents = new VirtualDocuments(setupScheme, 'Run “Forkpoint: Check Set-up” to look again.', () => {
      // A tab that came back with the window was never looked at.
      this.#text ??= this.#look();
      return this.#text;
    });
  }

  /** Looks, and shows what was found. */
  async open(): Promise<void> {
    const looking = this.#look();
    this.#text = looking;
    const location = vscode.ProgressLocation.Window;
    await vscode.window.withProgress({ location, title: 'Checking Forkpoint’s set-up' }, () => looking);
    this.#documents.refresh(() => true);
    await vscode.window.showTextDocument(uri, { preview: true });
  }

  dispose(): void {
    this.#documents.dispose();
  }

  async #look(): Promise<string> {
    if (!vscode.workspace.isTrusted)
      return 'This window is in Restricted Mode: nothing is started or asked before it is trusted.\n';
    const { checkSetup } = await this.services.get();
    const folder = vscode.workspace.workspaceFolders?.find((given) => given.uri.scheme === 'file')?.uri.fsPath;
    const versions = { [vscode.env.appName]: vscode.version };
    const checks = await checkSetup({ folder, versions, temporalIsDefault: settings.engine() === 'temporal' });
    return `${setupText(checks)}\n`;
  }
}
