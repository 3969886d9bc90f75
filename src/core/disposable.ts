/** Anything that must be released. Compatible with `vscode.Disposable`. */
export interface Disposable {
  dispose(): void;
}
