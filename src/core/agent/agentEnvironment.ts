import { isEncryptionVariable } from '../encryptionSettings.ts';

/**
 * What Claude Code, or the editor, sets for the programs that it starts itself. An agent that finds them takes itself for a part
 * of another session: it may keep no session of its own, talk to that one's socket, or show its edits in the editor.
 */
const ofParent: readonly RegExp[] = [
  /^CLAUDECODE$/,
  /^CLAUDE_(?:BG_|EFFORT$|PID$)/,
  /^CLAUDE_CODE_(?:SESSION|RESUME|RELAUNCH|MESSAGING|CHILD|LAUNCHED|TEAM|AGENT_VIEW)_/,
  /^CLAUDE_CODE_(?:CHILD_SESSION|ENTRYPOINT|EXECPATH|SSE_PORT|AGENT_NAME|DISABLE_DEFERRED_TOOL_RESUME)$/,
  // A session that isn't written can't be gone on with.
  /^CLAUDE_CODE_SKIP_PROMPT_HISTORY$/,
  /^CLAUDE_AGENT_SDK_VERSION$/,
  /^ELECTRON_/,
  /^VSCODE_(?!GIT_)/,
];

/**
 * The environment of an agent: the given one without what a Claude Code or an editor above set for its own children. What a
 * person sets (login, provider, proxies, limits, config folder) stays, but for keys of our own.
 */
export function agentEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  additions: Readonly<Record<string, string>>,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || isEncryptionVariable(name)) continue;
    if (!ofParent.some((pattern) => pattern.test(name.toUpperCase()))) kept[name] = value;
  }
  return { ...kept, ...additions };
}
