import * as vscode from 'vscode';
import { oneLine } from '../../core/format.ts';
import type { Continuation } from '../../core/useCases/agentRuns.ts';

/** Variables that would make Claude Code believe that it runs inside another one, or that are ours. */
const notInherited = ['CLAUDECODE', 'CLAUDE_CODE_ENTRYPOINT', 'CLAUDE_CODE_SSE_PORT', 'FORKPOINT_HOME'];

/** Opens a terminal that runs a command line in the place of a branch, without a shell in between. */
export function openBranchTerminal(name: string, { command, cwd, env }: Continuation): void {
  const [program, ...args] = command;
  const terminal = vscode.window.createTerminal({
    name: oneLine(name, 60),
    ...(program !== undefined && { shellPath: program }),
    shellArgs: args,
    cwd,
    env: { ...Object.fromEntries(notInherited.map((variable) => [variable, null])), ...env },
    iconPath: new vscode.ThemeIcon('repo-forked'),
    // Coming back after a restart it would be a second process in the place, without anybody's asking.
    isTransient: true,
  });
  terminal.show();
}
