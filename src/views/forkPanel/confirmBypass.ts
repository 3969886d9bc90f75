import * as vscode from 'vscode';

/** Says what it means that agents go on without asking, and asks whether they may. */
export async function confirmBypass(): Promise<boolean> {
  const allow = 'Let Agents Go On Without Asking';
  const detail = [
    'Every tool call and every command of these agents runs at once, without a question: also what your Claude Code settings would ask for.',
    'What they write in the project stays in their copies. The network, your accounts that commands are logged in with, and services on this machine are not kept from them.',
    'This holds for forks of this panel only and is not remembered.',
  ].join('\n\n');
  const question = 'Let agents run everything without asking you?';
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, allow)) === allow;
}
