import * as vscode from 'vscode';
import {
  type EncryptionSettings,
  encryptionSettingsOf,
  encryptionSettingsSchema,
  isEncryptionKey,
} from '../core/encryptionSettings.ts';
import { choice, pickOne } from './quickInput.ts';

const secretName = 'forkpoint.encryptionKey';

/** The key of Temporal's payloads: in VS Code's secret storage, else in the environment. It is never kept anywhere else. */
export class EncryptionKey {
  constructor(private readonly secrets: vscode.SecretStorage) {}

  /** Null where payloads are not encrypted. */
  async get(): Promise<EncryptionSettings | null> {
    return (await this.#stored()) ?? encryptionSettingsOf(process.env);
  }

  /** Asks what is to become of the key. A new one takes the place of the present one, which goes on decrypting. */
  async ask(): Promise<void> {
    const stored = await this.#stored();
    const action = await pickOne(
      [
        choice('make' as const, 'Make a New Key', 'copied to the clipboard, for workers elsewhere'),
        choice('paste' as const, 'Paste a Key…', '32 bytes in base64'),
        ...(stored === null
          ? []
          : [choice('copy' as const, 'Copy the Key'), choice('remove' as const, 'Remove the Key')]),
      ],
      { title: 'Encryption of Temporal Payloads', placeholder: await this.#state() },
    );
    if (action === 'make') await this.#set(newKey(), 'Key made and copied.');
    if (action === 'paste') {
      const key = await pastedKey();
      if (key !== undefined) await this.#set(key, 'Key set.');
    }
    if (action === 'copy' && stored !== null) await vscode.env.clipboard.writeText(stored.key);
    if (action === 'remove') await this.#remove();
  }

  async #set(key: string, said: string): Promise<void> {
    const { key: before, keyId, olderKeys } = (await this.get()) ?? {};
    const kept = [before && (keyId === undefined ? before : `${keyId}:${before}`), olderKeys].filter(Boolean).join(',');
    const settings: EncryptionSettings = { key, ...(kept !== '' && before !== key && { olderKeys: kept }) };
    await this.secrets.store(secretName, JSON.stringify(settings));
    if (said.includes('copied')) await vscode.env.clipboard.writeText(key);
    const lost = 'Keep a copy: without it nobody can read the runs of the Temporal server.';
    await vscode.window.showInformationMessage(`${said} New runs on Temporal are encrypted. ${lost}`);
  }

  async #remove(): Promise<void> {
    const remove = 'Remove';
    const detail = 'Runs on Temporal that are under way come to a halt until the key is set again.';
    const question = 'Remove the encryption key?';
    if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, remove)) !== remove) return;
    await this.secrets.delete(secretName);
  }

  async #stored(): Promise<EncryptionSettings | null> {
    const text = await this.secrets.get(secretName);
    return text === undefined ? null : encryptionSettingsSchema.parse(JSON.parse(text));
  }

  async #state(): Promise<string> {
    if ((await this.#stored()) !== null) return 'A key is set here.';
    return (await this.get()) === null
      ? 'No key is set: payloads are not encrypted.'
      : 'The key of the environment is used.';
  }
}

function newKey(): string {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
}

async function pastedKey(): Promise<string | undefined> {
  const text = await vscode.window.showInputBox({
    title: 'Encryption Key',
    prompt: 'Kept in the secret storage of VS Code, never in settings.',
    password: true,
    ignoreFocusOut: true,
    validateInput: (given) =>
      isEncryptionKey(given.trim()) ? undefined : '32 bytes in base64, for example of `openssl rand -base64 32`.',
  });
  return text?.trim();
}
