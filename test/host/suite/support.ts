import * as vscode from 'vscode';

/** Waits for something that the editor does in its own time. @throws Error with the last value after 15 s */
export async function eventually<T>(what: string, read: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const until = Date.now() + 15_000;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > until) throw new Error(`Never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Input of the active tab. */
export function activeInput(): unknown {
  return vscode.window.tabGroups.activeTabGroup.activeTab?.input;
}
