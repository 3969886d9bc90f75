import * as vscode from 'vscode';

/** Makes the text, or the very bytes, of one of our documents. @throws ForkpointError where what it shows is gone */
export type DocumentSource = (uri: vscode.Uri) => Promise<string | Uint8Array>;

/**
 * Read-only documents under a scheme of our own. A file system rather than a content provider, because custom editors
 * (the markdown preview) and tabs that come back after a restart need one.
 */
export class VirtualDocuments implements vscode.FileSystemProvider, vscode.Disposable {
  readonly onDidChangeFile: vscode.Event<vscode.FileChangeEvent[]>;
  readonly #changed = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly #registration: vscode.Disposable;
  readonly #watched = new Map<string, vscode.Uri>();
  readonly #encoder = new TextEncoder();
  #changes = 0;

  /** @param note shown by VS Code where somebody tries to type */
  constructor(
    scheme: string,
    note: string,
    private readonly source: DocumentSource,
  ) {
    this.onDidChangeFile = this.#changed.event;
    this.#registration = vscode.workspace.registerFileSystemProvider(scheme, this, {
      isCaseSensitive: true,
      isReadonly: new vscode.MarkdownString(note),
    });
  }

  /** Tells open editors that their documents read differently now. */
  refresh(concerns: (uri: vscode.Uri) => boolean): void {
    this.#changes += 1;
    const events = [...this.#watched.values()]
      .filter(concerns)
      .map((uri) => ({ type: vscode.FileChangeType.Changed, uri }));
    if (events.length > 0) this.#changed.fire(events);
  }

  watch(uri: vscode.Uri): vscode.Disposable {
    const key = uri.toString();
    this.#watched.set(key, uri);
    return new vscode.Disposable(() => this.#watched.delete(key));
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const { byteLength } = await this.readFile(uri);
    return { type: vscode.FileType.File, ctime: 0, mtime: this.#changes, size: byteLength };
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    const content = await this.source(uri);
    return typeof content === 'string' ? this.#encoder.encode(content) : content;
  }

  readDirectory(): [string, vscode.FileType][] {
    return [];
  }

  createDirectory(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  writeFile(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  delete(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  rename(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  dispose(): void {
    this.#registration.dispose();
    this.#changed.dispose();
  }
}
