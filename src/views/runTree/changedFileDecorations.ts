import * as vscode from 'vscode';
import { changedFileScheme, decorations, statusOf } from './changedFileUris.ts';

/** Decorates the rows of changed files as VS Code decorates git's. */
export function changedFileDecorations(): vscode.Disposable {
  return vscode.window.registerFileDecorationProvider({
    provideFileDecoration(uri) {
      const status = uri.scheme === changedFileScheme ? statusOf(uri.query) : null;
      if (status === null) return undefined;
      const { badge, tooltip, color } = decorations[status];
      return new vscode.FileDecoration(badge, tooltip, new vscode.ThemeColor(color));
    },
  });
}
