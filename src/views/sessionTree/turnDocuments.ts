import * as vscode from 'vscode';
import { NotFoundError } from '../../core/errors.ts';
import { oneLine } from '../../core/format.ts';
import type { SessionTarget, TurnTarget } from '../commandTable.ts';
import { parseTurnUri, turnScheme, turnUri } from '../documentUris.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { VirtualDocuments } from '../virtualDocuments.ts';
import { turnDocument } from './turnDocument.ts';

/** Turns as documents to read. */
export class TurnDocuments implements vscode.Disposable {
  readonly #documents: VirtualDocuments;

  constructor(private readonly services: ServiceProvider) {
    this.#documents = new VirtualDocuments(turnScheme, 'This turn was recorded. It can’t be edited.', async (uri) => {
      const asked = parseTurnUri(uri.query);
      if (asked === null) throw vscode.FileSystemError.FileNotFound(uri);
      const { session, turn } = await this.#read(asked);
      return turnDocument(session, turn);
    });
  }

  /** Opens the turn in a preview tab. @throws NotFoundError */
  async open(target: TurnTarget): Promise<void> {
    const { turn } = await this.#read(target);
    const uri = vscode.Uri.from(
      turnUri(oneLine(turn.prompt, 50) || `Turn ${turn.index}`, { file: target.file, turn: target.turn }),
    );
    await vscode.commands.executeCommand('vscode.openWith', uri, 'vscode.markdown.preview.editor', { preview: true });
  }

  /** Documents of a session that has grown read differently now. */
  refresh({ file }: SessionTarget): void {
    this.#documents.refresh((uri) => parseTurnUri(uri.query)?.file === file);
  }

  dispose(): void {
    this.#documents.dispose();
  }

  async #read({ file, turn: index }: TurnTarget) {
    const { sessions } = await this.services.get();
    const open = await sessions.open(file);
    const { session } = open;
    const [turn] = await open.turns([index]);
    if (turn === undefined) {
      throw new NotFoundError(
        `“${oneLine(session.summary.title, 60)}” has no turn ${index}.`,
        'Refresh the Sessions view and choose again.',
      );
    }
    return { session, turn };
  }
}
