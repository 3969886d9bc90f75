import { realpath } from 'node:fs/promises';
import { basename, dirname, sep } from 'node:path';
import type { RecordedToolCall, Turn } from '../../core/session/recordedSession.ts';
import { ownFolderOf, toolResultIn } from '../claudeCode/layout.ts';
import { sessionFolderOf } from '../claudeCode/subagentFiles.ts';
import { openPlainFile } from '../plainFiles.ts';

/** So much of a spilled output is read; more than anyone reads in a document. */
const mostBytes = 1024 * 1024;

/** Where the whole output may lie: in the session's own folder (also after it was copied), or where the recording says. */
function candidates(transcript: string, recorded: string): string[] {
  const folder = sessionFolderOf(transcript) ?? ownFolderOf(transcript);
  return [toolResultIn(folder, basename(recorded)), recorded];
}

/** The project's folder under `…/projects`: nothing outside of it is read, whatever a transcript names. */
function projectFolder(transcript: string): string {
  return dirname(sessionFolderOf(transcript) ?? transcript);
}

async function readInside(folder: string, file: string): Promise<string | null> {
  try {
    const real = await realpath(file);
    if (!real.startsWith(`${await realpath(folder)}${sep}`)) return null;
    const handle = await openPlainFile(real);
    try {
      const { size } = await handle.stat();
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(size, mostBytes)), 0, undefined, 0);
      return new TextDecoder().decode(buffer.subarray(0, bytesRead));
    } finally {
      await handle.close();
    }
  } catch {
    // Claude Code removes old sessions; what is gone is said, not an error.
    return null;
  }
}

async function withOutput(call: RecordedToolCall, transcript: string): Promise<RecordedToolCall> {
  const { result } = call;
  if (result?.spilled === undefined) return call;
  for (const file of candidates(transcript, result.spilled.path)) {
    const text = await readInside(projectFolder(transcript), file);
    if (text !== null) return { ...call, result: { ...result, spilled: { path: file, text } } };
  }
  return call;
}

/**
 * Turns with the whole outputs of tools that were too long for the transcript, as far as their files are there.
 * @param transcript absolute path of the file that the turns were read from
 */
export function withSpilledOutput(turns: readonly Turn[], transcript: string): Promise<Turn[]> {
  return Promise.all(
    turns.map(async (turn) => ({
      ...turn,
      steps: await Promise.all(
        turn.steps.map(async (step) => ({
          ...step,
          toolCalls: await Promise.all(step.toolCalls.map((call) => withOutput(call, transcript))),
        })),
      ),
    })),
  );
}
