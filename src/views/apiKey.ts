import * as vscode from 'vscode';
import { chosenSecret } from '../core/api/apiSecret.ts';

const secretName = 'forkpoint.anthropicApiKey';

/** The Anthropic API key that a person stored: in VS Code's secret storage. It is never kept anywhere else. */
export class ApiKey {
  constructor(private readonly secrets: vscode.SecretStorage) {}

  /** Calls back when a key was set or removed, in any window. */
  onDidChange(listener: () => void): vscode.Disposable {
    return this.secrets.onDidChange(({ key }) => {
      if (key === secretName) listener();
    });
  }

  async stored(): Promise<string | undefined> {
    return this.secrets.get(secretName);
  }

  /** Whether requests can be sent: with the stored key, or with what the environment has. */
  async isSet(): Promise<boolean> {
    return chosenSecret(await this.stored(), process.env) !== null;
  }

  /** Asks for a key and keeps it. Resolves with whether one was given. */
  async ask(): Promise<boolean> {
    const key = await vscode.window.showInputBox({
      title: 'Anthropic API Key',
      prompt: 'Kept in the secret storage of VS Code, never in settings.',
      placeHolder: 'sk-ant-…',
      password: true,
      ignoreFocusOut: true,
      validateInput: (text) =>
        text.trim() === '' || /\s/.test(text.trim()) ? 'Paste one key, without spaces.' : undefined,
    });
    if (key === undefined) return false;
    await this.secrets.store(secretName, key.trim());
    return true;
  }

  async clear(): Promise<void> {
    await this.secrets.delete(secretName);
    const left = chosenSecret(undefined, process.env);
    const now = left === null ? '' : ` ${left.from} of the environment is used now.`;
    await vscode.window.showInformationMessage(`The API key was removed.${now}`);
  }
}
