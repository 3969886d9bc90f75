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
  // The id is a file's name and goes into a shell: nothing but what Claude Code itself gives may pass.
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(summary.sessionId)) {
    throw new BadInputError(
      'This file is not named like a session of Claude Code.',
      'Open its raw transcript to see what it is.',
    );
  }
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
  const terminal = vscode.window.createTerminal({
    name: `Claude Code · ${oneLine(summary.title, 30)}`,
    ...(summary.projectPath !== null && { cwd: summary.projectPath }),
    env: {
      ...Object.fromEntries(notInherited.map((name) => [name, null])),
      CLAUDE_CONFIG_DIR: configDir(summary.file),
    },
  });
  terminal.show();
  terminal.sendText(command);
}

/** The config folder that a transcript lies in: above `projects/<project>/<session>.jsonl`; null for another layout. */
function configDir(file: string): string | null {
  const match = /^(.*)[\\/]projects[\\/][^\\/]+[\\/][^\\/]+$/.exec(file);
  const dir = match?.[1] ?? null;
  // The default is better left unsaid: naming it moves Claude Code's own settings file.
  return dir === null || /[\\/]\.claude$/.test(dir) ? null : dir;
}
