import * as vscode from 'vscode';
import type { TreeRow } from './treeRow.ts';

const collapsible = {
  none: vscode.TreeItemCollapsibleState.None,
  collapsed: vscode.TreeItemCollapsibleState.Collapsed,
  expanded: vscode.TreeItemCollapsibleState.Expanded,
};

/** The row as VS Code shows it. Its tooltip comes later, from `resolveTreeItem`. */
export function treeItem(row: TreeRow, command?: vscode.Command): vscode.TreeItem {
  const item = new vscode.TreeItem(row.label, collapsible[row.children]);
  item.id = row.id;
  item.description = row.description;
  // The icon theme's own one, by the name of the resource.
  const isFile = row.icon === 'file' && row.resource !== undefined;
  item.iconPath = isFile
    ? vscode.ThemeIcon.File
    : new vscode.ThemeIcon(row.icon, row.color === undefined ? undefined : new vscode.ThemeColor(row.color));
  if (row.resource !== undefined) item.resourceUri = vscode.Uri.from(row.resource);
  item.contextValue = row.context;
  item.accessibilityInformation = { label: row.accessibilityLabel };
  if (command !== undefined) item.command = command;
  return item;
}

/** A tooltip from markdown in which everything untrusted was made inert: no links, no icons, no HTML. */
export function tooltip(markdown: string): vscode.MarkdownString {
  const text = new vscode.MarkdownString(markdown, false);
  text.isTrusted = false;
  text.supportHtml = false;
  return text;
}
