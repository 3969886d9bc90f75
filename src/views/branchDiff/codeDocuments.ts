import * as vscode from 'vscode';
import type { RunList } from '../runTree/runList.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { VirtualDocuments } from '../virtualDocuments.ts';
import { codeScheme, parseCodeUri } from './codeUris.ts';
import { shownContent } from './shownContent.ts';

/** The files of branches, of the fork point and of the recorded end, as read-only documents. */
export class CodeDocuments implements vscode.Disposable {
  readonly #documents: VirtualDocuments;
  readonly #following: { dispose(): void };

  constructor(
    private readonly services: ServiceProvider,
    runs: RunList,
  ) {
    const note = 'This file is as a branch of a run has it. It can’t be edited; Apply… brings it to the workspace.';
    this.#documents = new VirtualDocuments(codeScheme, note, (uri) => this.#document(uri));
    this.#following = runs.onDidChange((changes) => {
      // A running branch writes many events; its files are told at its end.
      const concerned = new Set<string>();
      for (const { runId, before, after } of changes) {
        const sets = (run: typeof after) => run?.branches.map(({ changeSet }) => changeSet).join();
        if (sets(before) !== sets(after)) concerned.add(runId);
      }
      if (concerned.size > 0) this.#documents.refresh((uri) => concerned.has(parseCodeUri(uri.query)?.run ?? ''));
    });
  }

  dispose(): void {
    this.#following.dispose();
    this.#documents.dispose();
  }

  async #document(uri: vscode.Uri): Promise<string | Uint8Array> {
    const asked = parseCodeUri(uri.query);
    if (asked === null) throw vscode.FileSystemError.FileNotFound(uri);
    if (asked.path === null) return '';
    const { agents } = await this.services.get();
    const content = await agents.content(asked.run, asked.side, asked.path);
    return content === null ? '' : shownContent(content);
  }
}
