// src/views/filesAtTurn: what files held at a turn: the report, the file as a read-only document, the commands. How
// that is found out belongs to src/core/files.

import * as vscode from 'vscode';
import type { FileState, TurnFile, TurnFiles } from '../../core/files/fileState.ts';
import { momentOf } from '../../core/fork/agent/placedFilesOf.ts';
import type { OpenSession } from '../../core/fork/sessionStore.ts';
import { oneLine, plural } from '../../core/format.ts';
import { messageSafe } from '../../core/plainText.ts';
import type { CutTarget, SessionTarget, TurnTarget } from '../commandTable.ts';
import type { UriParts } from '../documentUris.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { VirtualDocuments } from '../virtualDocuments.ts';
import { filesReport, stateReport, summarizeFiles } from './filesReport.ts';
import { fileScheme, fileUri, parseFileUri } from './fileUris.ts';

type ChangesEntry = [label: vscode.Uri, left: vscode.Uri | undefined, right: vscode.Uri | undefined];

const compareLabel = 'Compare with Working Tree';
const detailsLabel = 'Details';

/** The files that a session touched, as documents and in multi-file diffs. Nothing is ever written. */
export class FilesAtTurn implements vscode.Disposable {
  readonly #documents: VirtualDocuments;
  readonly #closing: vscode.Disposable;
  /** The session that was asked for last: an editor asks for many of its files at once. */
  #last: { file: string; session: Promise<OpenSession> } | null = null;

  constructor(private readonly services: ServiceProvider) {
    const note = 'This file is as a recorded session left it. It can’t be edited.';
    this.#documents = new VirtualDocuments(fileScheme, note, (uri) => this.#document(uri));
    this.#closing = vscode.workspace.onDidCloseTextDocument(({ uri }) => {
      // Nobody looks any more: an open session takes memory.
      const isOurs = (document: vscode.TextDocument) => document.uri.scheme === fileScheme;
      if (uri.scheme === fileScheme && !vscode.workspace.textDocuments.some(isOurs)) this.#last = null;
    });
  }

  /** A multi-file diff of what the turn changed: before it ↔ after it. @throws NotFoundError */
  async showChanges(target: TurnTarget): Promise<void> {
    const { title, files } = await this.#read(target);
    const { changed, message } = summarizeFiles(files);
    if (changed.length > 0) {
      const entries = changed.map(
        (file): ChangesEntry => [
          this.#uri(target, file, 'after'),
          file.before.kind === 'content' ? this.#uri(target, file, 'before') : undefined,
          file.after.kind === 'content' ? this.#uri(target, file, 'after') : undefined,
        ],
      );
      await vscode.commands.executeCommand('vscode.changes', `Files at turn ${target.turn} · ${title}`, entries);
    }
    const nothing = changed.length === 0 ? `No file is known to have changed in turn ${target.turn}.` : '';
    const text = [nothing, message ?? ''].filter((part) => part !== '').join(' ');
    if (text !== '') this.#tell(target, text, files.files.length > 0 ? [compareLabel, detailsLabel] : [detailsLabel]);
  }

  /** What the files held where a fork is cut, and how surely that is known. */
  async showState({ file, turn, at }: CutTarget): Promise<void> {
    await this.#showReport(fileUri('Files at the fork point.md', { file, turn, at }));
  }

  /** A multi-file diff of the files as they were after the turn ↔ as they are now. @throws NotFoundError */
  async compareWithWorkingTree(target: TurnTarget): Promise<void> {
    const { title, files } = await this.#read(target);
    const entries: ChangesEntry[] = [];
    const left: string[] = [];
    for (const file of files.files) {
      const entry = await this.#againstWorkingTree(target, files.folder, file);
      if (entry === 'unknown') left.push(file.path);
      else if (entry !== 'same') entries.push(entry);
    }
    if (entries.length > 0)
      await vscode.commands.executeCommand('vscode.changes', `After turn ${target.turn} ↔ now · ${title}`, entries);
    const parts = [
      entries.length === 0 && `No file is known to differ from what it was after turn ${target.turn}.`,
      left.length > 0 &&
        `${plural(left.length, 'file')} can’t be compared: ${oneLine(left.slice(0, 3).join(', '), 200)}${left.length > 3 ? ', …' : ''}.`,
    ].filter((part) => part !== false);
    if (parts.length > 0) this.#tell(target, parts.join(' '), [detailsLabel]);
  }

  /** Documents of a session that has grown may read differently now. */
  refresh({ file }: SessionTarget): void {
    if (this.#last?.file === file) this.#last = null;
    this.#documents.refresh((uri) => parseFileUri(uri.query)?.file === file);
  }

  dispose(): void {
    this.#closing.dispose();
    this.#documents.dispose();
  }

  async #document(uri: vscode.Uri): Promise<string | Uint8Array> {
    const asked = parseFileUri(uri.query);
    if (asked === null) throw vscode.FileSystemError.FileNotFound(uri);
    const session = await this.#open(asked.file);
    const reading = { git: vscode.workspace.isTrusted };
    if ('report' in asked) return filesReport(await session.files(asked.turn, reading));
    if ('at' in asked) {
      const { turn, side, until } = momentOf((await session.forkAt(asked.at)).point);
      return stateReport(await session.files(turn, { ...reading, ...(until !== undefined && { until }) }), side);
    }
    const content = await session.fileContent(asked.turn, asked.path, asked.side, reading);
    if (content === null) throw vscode.FileSystemError.FileNotFound(uri);
    return content;
  }

  #open(file: string): Promise<OpenSession> {
    if (this.#last?.file === file) return this.#last.session;
    const session = this.services.get().then(({ sessions }) => sessions.open(file));
    const opened = { file, session };
    this.#last = opened;
    session.catch(() => {
      if (this.#last === opened) this.#last = null;
    });
    return session;
  }

  async #read(target: TurnTarget): Promise<{ title: string; files: TurnFiles }> {
    const session = await this.#open(target.file);
    const files = await session.files(target.turn, { git: vscode.workspace.isTrusted });
    const turn = session.session.turns.find(({ index }) => index === target.turn);
    return { title: oneLine(turn?.prompt ?? '', 50) || 'Prompt without text', files };
  }

  #uri({ file, turn }: TurnTarget, { path, file: absolute }: TurnFile, side: 'before' | 'after'): vscode.Uri {
    return vscode.Uri.from(fileUri(path, { file, turn, path: absolute, side }));
  }

  async #againstWorkingTree(
    target: TurnTarget,
    folder: string | null,
    file: TurnFile,
  ): Promise<ChangesEntry | 'same' | 'unknown'> {
    // A path that a recording names is not trusted: only files of its own project are opened.
    if (file.after.kind === 'unknown' || folder === null || file.path === file.file) return 'unknown';
    const here = vscode.Uri.file(file.file);
    const now = await workingFile(here);
    if (now === 'other') return 'unknown';
    if (await isSame(now, file.after, () => this.#content(target, file))) return 'same';
    // Under the path of the file itself: the editor would announce another one as a renaming.
    const then = this.#uri(target, { ...file, path: here.path }, 'after');
    return [here, file.after.kind === 'content' ? then : undefined, now === null ? undefined : here];
  }

  async #content(target: TurnTarget, file: TurnFile): Promise<Uint8Array | null> {
    const session = await this.#open(target.file);
    return session.fileContent(target.turn, file.file, 'after', { git: vscode.workspace.isTrusted });
  }

  /** Says it beside the editor that is open already; the answer is not waited for. */
  #tell(target: TurnTarget, text: string, buttons: string[]): void {
    void vscode.window.showInformationMessage(messageSafe(oneLine(text, 800)), ...buttons).then(async (chosen) => {
      if (chosen === compareLabel)
        await vscode.commands.executeCommand('forkpoint.compareFilesWithWorkingTree', target);
      if (chosen === detailsLabel) {
        const query = { file: target.file, turn: target.turn, report: true } as const;
        await this.#showReport(fileUri(`Files at turn ${target.turn}.md`, query));
      }
    });
  }

  async #showReport(parts: UriParts): Promise<void> {
    const preview = 'vscode.markdown.preview.editor';
    await vscode.commands.executeCommand('vscode.openWith', vscode.Uri.from(parts), preview, { preview: true });
  }
}

/** A plain file of the working tree: null where there is none, `other` for links, pipes and folders. */
async function workingFile(uri: vscode.Uri): Promise<{ uri: vscode.Uri; size: number } | null | 'other'> {
  try {
    const { type, size } = await vscode.workspace.fs.stat(uri);
    return type === vscode.FileType.File ? { uri, size } : 'other';
  } catch (error) {
    return error instanceof vscode.FileSystemError && error.code === 'FileNotFound' ? null : 'other';
  }
}

async function isSame(
  now: { uri: vscode.Uri; size: number } | null,
  after: FileState,
  content: () => Promise<Uint8Array | null>,
): Promise<boolean> {
  if (now === null || after.kind !== 'content') return now === null && after.kind === 'absent';
  if (now.size !== after.bytes) return false;
  const [bytes, then] = await Promise.all([vscode.workspace.fs.readFile(now.uri), content()]);
  return then !== null && bytes.length === then.length && bytes.every((byte, index) => byte === then[index]);
}
