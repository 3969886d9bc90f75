import * as vscode from 'vscode';
import { commandLink } from '../commands.ts';
import type { SessionTarget } from '../commandTable.ts';
import { parseProblemsUri, problemsScheme, problemsUri } from '../documentUris.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { VirtualDocuments } from '../virtualDocuments.ts';
import { type ProblemsDocument, problemsDocument } from './problemsDocument.ts';

/** What is wrong with the file of a session, as a document whose line numbers lead to the raw transcript. */
export class ProblemDocuments implements vscode.Disposable, vscode.DocumentLinkProvider {
  readonly #documents: VirtualDocuments;
  readonly #links: vscode.Disposable;

  constructor(private readonly services: ServiceProvider) {
    const note = 'This list is made from a recording. It can’t be edited.';
    this.#documents = new VirtualDocuments(problemsScheme, note, async (uri) => (await this.#read(uri)).text);
    this.#links = vscode.languages.registerDocumentLinkProvider({ scheme: problemsScheme }, this);
  }

  /** Opens the list. @throws NotFoundError where the session is gone */
  async open({ file }: SessionTarget): Promise<void> {
    const { sessions } = await this.services.get();
    const { session } = await sessions.open(file);
    const uri = vscode.Uri.from(problemsUri(session.summary.title, { file }));
    await vscode.window.showTextDocument(uri, { preview: true });
  }

  /** The list of a session that has grown reads differently now. */
  refresh({ file }: SessionTarget): void {
    this.#documents.refresh((uri) => parseProblemsUri(uri.query)?.file === file);
  }

  async provideDocumentLinks(document: vscode.TextDocument): Promise<vscode.DocumentLink[]> {
    const file = parseProblemsUri(document.uri.query)?.file;
    if (file === undefined) return [];
    const { references } = await this.#read(document.uri);
    return references.map(({ at, length, line }) => {
      const { command, arguments: args } = commandLink('forkpoint.openRawTranscript', 'Open', { file, line });
      const target = vscode.Uri.from({ scheme: 'command', path: command, query: JSON.stringify(args) });
      const link = new vscode.DocumentLink(new vscode.Range(at, 0, at, length), target);
      link.tooltip = `Open Raw Transcript at line ${line}`;
      return link;
    });
  }

  dispose(): void {
    this.#documents.dispose();
    this.#links.dispose();
  }

  async #read(uri: vscode.Uri): Promise<ProblemsDocument> {
    const asked = parseProblemsUri(uri.query);
    if (asked === null) throw vscode.FileSystemError.FileNotFound(uri);
    const { sessions } = await this.services.get();
    return problemsDocument((await sessions.open(asked.file)).session);
  }
}
