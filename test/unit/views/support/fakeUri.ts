/** As much of `vscode.Uri` as our views use. */
export class FakeUri {
  private constructor(
    readonly scheme: string,
    readonly path: string,
    readonly query: string,
  ) {}

  static from = ({ scheme, path, query = '' }: { scheme: string; path: string; query?: string }): FakeUri =>
    new FakeUri(scheme, path, query);

  static file = (path: string): FakeUri => new FakeUri('file', path, '');

  static joinPath = ({ scheme, path, query }: FakeUri, ...parts: string[]): FakeUri =>
    new FakeUri(scheme, [path, ...parts].join('/'), query);

  get fsPath(): string {
    return this.path;
  }

  toString(): string {
    return `${this.scheme}:${this.path}${this.query === '' ? '' : `?${this.query}`}`;
  }
}
