import type * as vscode from 'vscode';
import { commandLink } from '../commands.ts';
import type { SessionTreeNode } from './sessionNodes.ts';

/** What a click on a row opens; it never acts. */
export function clickOf(node: SessionTreeNode): vscode.Command | undefined {
  switch (node.kind) {
    case 'turn':
    case 'step':
      return commandLink('forkpoint.openTurn', 'Open Turn', { file: node.file, turn: node.turn });
    case 'fork':
      return commandLink('forkpoint.revealSession', 'Show in Sessions', { file: node.file });
    case 'compaction':
      return commandLink('forkpoint.openRawTranscript', 'Open Raw Transcript', { file: node.file, line: node.line });
    default:
      return undefined;
  }
}
