import * as vscode from 'vscode';
import { BadInputError } from '../../core/errors.ts';
import { oneLine } from '../../core/format.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';

/** Variables that would make Claude Code believe that it runs inside another one, or that are ours. */
const notInherited = [
  'CLAUDECODE',
  'CLAUDE_CODE_ENTRYPOINT',
  'CLAUDE_CODE_SSE_PORT',
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_BASE_URL',
  'FORKPOINT_HOME',
];

/**
 * Opens a terminal in which Claude Code goes on with the session, after a question that says so: unlike everything else
 * here it writes to the recording.
 */
export async function continueInClaudeCode(summary: SessionSummary): Promise<void> {
  checkSessionId(summary.sessionId);
  if (summary.archived) {
    throw new BadInputError(
      'Claude Code has deleted this session; what is left is our copy, which is never written to.',
      'Fork the conversation instead.',
    );
  }
  const command = `claude --resume ${summary.sessionId}`;
  const open = 'Open Terminal';
  const where = oneLine(summary.projectPath ?? 'the current folder', 300);
  const detail = `Runs "${command}" in ${where}. Claude Code then adds to this session, may use its tools, and may cost money.`;
  const answer = await vscode.window.showWarningMessage(
    'Continue this session in Claude Code?',
    { modal: true, detail },
    open,
  );
  if (answer !== open) return;
  openTerminal(summary);
}

/**
 * Goes on with a branch's own session in the workspace, after what it changed was applied there: in Claude Code's own panel where
 * its extension is installed and the folder is open here, else in a terminal. The session is the branch's, so nothing is asked.
 */
export async function continueInWorkspace(session: {
  sessionId: string;
  title: string;
  projectPath: string | null;
  /** Path of the recorded session: the branch's lies in the same config folder. */
  file: string;
}): Promise<void> {
  checkSessionId(session.sessionId);
  const isOpen = vscode.workspace.workspaceFolders?.some(({ uri }) => uri.fsPath === session.projectPath) ?? false;
  if (!isOpen || vscode.extensions.getExtension('anthropic.claude-code') === undefined) {
    openTerminal(session);
    return;
  }
  const query = `session=${session.sessionId}`;
  const scheme = vscode.env.uriScheme;
  await vscode.env.openExternal(vscode.Uri.from({ scheme, authority: 'anthropic.claude-code', path: '/open', query }));
}

/** The id is a file's name and goes into a shell: nothing but what Claude Code itself gives may pass. */
function checkSessionId(sessionId: string): void {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(sessionId)) return;
  throw new BadInputError(
    'This file is not named like a session of Claude Code.',
    'Open its raw transcript to see what it is.',
  );
}

function openTerminal(session: Pick<SessionSummary, 'title' | 'projectPath' | 'file'> & { sessionId: string }): void {
  const terminal = vscode.window.createTerminal({
    name: `Claude Code · ${oneLine(session.title, 30)}`,
    ...(session.projectPath !== null && { cwd: session.projectPath }),
    env: {
      ...Object.fromEntries(notInherited.map((name) => [name, null])),
      CLAUDE_CONFIG_DIR: configDir(session.file),
    },
  });
  terminal.show();
  terminal.sendText(`claude --resume ${session.sessionId}`);
}

/** The config folder that a transcript lies in: above `projects/<project>/<session>.jsonl`; null for another layout. */
function configDir(file: string): string | null {
  const match = /^(.*)[\\/]projects[\\/][^\\/]+[\\/][^\\/]+$/.exec(file);
  const dir = match?.[1] ?? null;
  // The default is better left unsaid: naming it moves Claude Code's own settings file.
  return dir === null || /[\\/]\.claude$/.test(dir) ? null : dir;
}
