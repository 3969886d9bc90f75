import { openPlainFile } from '../../plainFiles.ts';

/** More than any first line of a subagent has before its message. */
const headBytes = 16_384;

/** Id of the session that started a subagent whose file lies beside the sessions; null where it doesn't say so at its start. */
export async function sessionOfSubagent(file: string): Promise<string | null> {
  try {
    const handle = await openPlainFile(file);
    try {
      const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(headBytes), position: 0 });
      const [, sessionId] = /"sessionId":"([\w-]+)"/.exec(buffer.toString('utf8', 0, bytesRead)) ?? [];
      return sessionId ?? null;
    } finally {
      await handle.close();
    }
  } catch {
    return null;
  }
}
