import { randomUUID } from 'node:crypto';
import { appendFile, mkdir } from 'node:fs/promises';
import path from 'node:path';

/** A session of made-up text on disk, in the oldest form that Claude Code has recorded: one reply a prompt, no request log. */
export interface WrittenSession {
  readonly file: string;
  readonly sessionId: string;
  /** Appends a turn, as Claude Code does when the session goes on. */
  add(prompt: string): Promise<void>;
}

/**
 * Writes a session with a turn for each prompt.
 * @param claudeDir what CLAUDE_CONFIG_DIR names for the editor or the program under test
 */
export async function writeSession(
  claudeDir: string,
  projectPath: string,
  prompts: readonly string[],
): Promise<WrittenSession> {
  const sessionId = randomUUID();
  const folder = path.join(claudeDir, 'projects', projectPath.replace(/[^a-zA-Z0-9]/g, '-'));
  const file = path.join(folder, `${sessionId}.jsonl`);
  await mkdir(folder, { recursive: true });
  let parentUuid: string | null = null;
  let seconds = 0;
  const line = (type: 'user' | 'assistant', message: object): string => {
    const uuid = randomUUID();
    const timestamp = new Date(Date.UTC(2026, 10, 20, 10, 0, seconds++)).toISOString();
    const common = { uuid, parentUuid, isSidechain: false, timestamp, cwd: projectPath, sessionId, version: '2.1.200' };
    parentUuid = uuid;
    return `${JSON.stringify({ type, ...common, message })}\n`;
  };
  const add = async (prompt: string): Promise<void> => {
    const reply = {
      id: `msg_${sessionId}_${seconds}`,
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-4-5',
      content: [{ type: 'text', text: `Reply to ${prompt}` }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 10, output_tokens: 5 },
    };
    await appendFile(file, line('user', { role: 'user', content: prompt }) + line('assistant', reply));
  };
  for (const prompt of prompts) await add(prompt);
  return { file, sessionId, add };
}
