import * as vscode from 'vscode';
import { ForkpointError, messageOf } from '../core/errors.ts';
import { messageWithHint } from '../core/format.ts';
import { redacted } from '../core/redacted.ts';

/** The extension's log, made when there is first something to say. */
export class Log implements vscode.Disposable {
  #channel: vscode.LogOutputChannel | null = null;

  readonly debug = (message: string): void => this.#open().debug(redacted(message));

  readonly error = (message: string, error?: unknown): void => {
    this.#open().error(redacted(error === undefined ? message : `${message} ${describe(error)}`));
  };

  show(): void {
    this.#open().show();
  }

  dispose(): void {
    this.#channel?.dispose();
  }

  #open(): vscode.LogOutputChannel {
    this.#channel ??= vscode.window.createOutputChannel('Forkpoint', { log: true });
    return this.#channel;
  }
}

function describe(error: unknown): string {
  if (error instanceof ForkpointError) return `${error.code}: ${messageWithHint(error)}`;
  return error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
}
