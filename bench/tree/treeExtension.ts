// An extension for the bench: the product's Sessions tree over a list that is in memory, and the same rows in a flat tree.
import { readFileSync } from 'node:fs';
import * as vscode from 'vscode';
import type { SessionStore } from '../../src/core/fork/sessionStore.ts';
import type { SessionSummary } from '../../src/core/session/recordedSession.ts';
import type { SessionNode } from '../../src/views/sessionTree/sessionNodes.ts';
import { sessionRow } from '../../src/views/sessionTree/sessionRows.ts';
import { SessionTreeView } from '../../src/views/sessionTree/sessionTreeView.ts';
import { treeItem } from '../../src/views/treeItem.ts';
import type { ServiceProvider, ViewServices } from '../../src/views/viewServices.ts';

export function activate(context: vscode.ExtensionContext): void {
  const file = process.env['FORKPOINT_BENCH_SESSIONS'] ?? '';
  const { sessions } = JSON.parse(readFileSync(file, 'utf8')) as { sessions: SessionSummary[] };
  const nothing = { dispose: () => undefined };
  const store: Pick<SessionStore, 'list' | 'watch' | 'folders'> = {
    list: () => Promise.resolve(sessions),
    watch: () => nothing,
    folders: ['/claude/projects'],
  };
  const services = { sessions: store } as unknown as ViewServices;
  const provider: ServiceProvider = { get: () => Promise.resolve(services), onDidReplace: () => nothing };
  const ours = new SessionTreeView(provider, (message, error) => console.error(message, error));
  const nodes = sessions.map((summary): SessionNode => {
    return { kind: 'session', id: `session:${summary.file}`, file: summary.file, summary };
  });
  const flatTree = (id: string, shown: SessionNode[]) =>
    vscode.window.createTreeView<SessionNode>(id, {
      treeDataProvider: {
        getChildren: (node) => (node === undefined ? shown : []),
        getTreeItem: (node) => treeItem(sessionRow(node, { now: Date.now(), projectPath: null }), undefined),
      },
    });
  context.subscriptions.push(ours, flatTree('bench.flat', nodes), flatTree('bench.few', nodes.slice(0, 20)));
  // The bench waits for it: nothing is measured while the editor still starts.
  const ready = vscode.window.createStatusBarItem('bench.ready', vscode.StatusBarAlignment.Left);
  ready.text = 'bench is ready';
  ready.show();
  context.subscriptions.push(ready);
}
