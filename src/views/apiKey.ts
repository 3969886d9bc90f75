import * as vscode from 'vscode';

const secretName = 'forkpoint.anthropicApiKey';

/** The Anthropic API key: in VS Code's secret storage, else in the environment. It is never kept anywhere else. */
export class ApiKey {
  constructor(private readonly secrets: vscode.SecretStorage) {}

  /** Calls back when a key was set or removed, in any window. */
  onDidChange(listener: () => void): vscode.Disposable {
    return this.secrets.onDidChange(({ key }) => {
      if (key === secretName) listener();
    });
  }

  async get(): Promise<string | undefined> {
    return (await this.secrets.get(secretName)) || process.env['ANTHROPIC_API_KEY'] || undefined;
  }

  /** Whether requests can be sent: a key is there, or a token for a gateway in the environment. */
  async isSet(): Promise<boolean> {
    return (await this.get()) !== undefined || Boolean(process.env['ANTHROPIC_AUTH_TOKEN']);
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
    const fromEnvironment = process.env['ANTHROPIC_API_KEY'] ? ' The key of the environment is used now.' : '';
    await vscode.window.showInformationMessage(`The API key was removed.${fromEnvironment}`);
  }
}
