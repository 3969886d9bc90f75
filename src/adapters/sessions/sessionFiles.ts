import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { JsonRecord } from '../../core/session/jsonRecord.ts';
import { type ParsedTranscript, parseTranscript } from '../../core/session/parseTranscript.ts';
import { isWarmUp } from '../../core/session/promptRules.ts';
import type { SubagentFile, TranscriptFile } from '../../core/session/turnTree.ts';
import { entriesOf, openPlainFile, plainFile, sessionIdOf } from './projectFiles.ts';

const customTitleSchema = z.object({ customTitle: z.string().min(1) });
const metaSchema = z.record(z.string(), z.unknown());

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return null;
  }
}

/** Title that a person gave the session with `/rename`. @param folder the session's own folder beside the transcript */
export async function customTitleOf(folder: string): Promise<string | null> {
  const parsed = customTitleSchema.safeParse(await readJson(join(folder, 'custom-title.json')));
  return parsed.success ? parsed.data.customTitle : null;
}

async function parseFile(
  file: string,
  isSubagent: boolean,
): Promise<{ transcript: ParsedTranscript; bytes: number; modifiedAt: string }> {
  const handle = await openPlainFile(file);
  try {
    const { mtime } = await handle.stat();
    const content = await handle.readFile();
    const transcript = parseTranscript(content, { isSubagent });
    return { transcript, bytes: content.length, modifiedAt: mtime.toISOString() };
  } finally {
    await handle.close();
  }
}

function agentIdOf(name: string): string | null {
  return /^agent-(.+)\.jsonl$/.exec(name)?.[1] ?? null;
}

async function subagentAt(folder: string, name: string): Promise<SubagentFile | null> {
  const agentId = agentIdOf(name);
  const file = join(folder, name);
  if (agentId === null || (await plainFile(file).catch(() => null)) === null) return null;
  const meta = metaSchema.safeParse(await readJson(join(folder, `agent-${agentId}.meta.json`)));
  try {
    const { transcript } = await parseFile(file, true);
    return { agentId, file, meta: meta.success ? (meta.data as JsonRecord) : null, transcript };
  } catch (error) {
    const problem = {
      line: 1,
      kind: 'bad_record' as const,
      detail: `The subagent's file can't be read: ${String(error)}`,
    };
    return { agentId, file, meta: null, transcript: { ...parseTranscript(new Uint8Array()), problems: [problem] } };
  }
}

/** Subagents in the session's own folder, and those that old versions put beside the sessions. */
async function subagentsOf(file: string, sessionId: string): Promise<SubagentFile[]> {
  const own = join(dirname(file), sessionId, 'subagents');
  const inside = await Promise.all((await entriesOf(own)).map((entry) => subagentAt(own, entry.name)));
  const names = (await entriesOf(dirname(file))).map((entry) => entry.name).filter((name) => agentIdOf(name) !== null);
  const beside = await Promise.all(names.map((name) => subagentAt(dirname(file), name)));
  const ofSession = beside.filter(
    (agent) =>
      agent?.transcript.entries.some((entry) => entry.record.sessionId === sessionId) === true &&
      !isWarmUp(agent.transcript.entries),
  );
  return [...inside, ...ofSession]
    .filter((agent) => agent !== null && agent !== undefined)
    .sort((a, b) => (a.agentId < b.agentId ? -1 : 1));
}

/** Reads a session as a whole with its subagents. */
export async function readSessionFiles(
  file: string,
): Promise<{ transcript: ParsedTranscript; origin: TranscriptFile }> {
  const sessionId = sessionIdOf(basename(file)) ?? basename(file, '.jsonl');
  const isSubagent = agentIdOf(basename(file)) !== null;
  const [{ transcript, bytes, modifiedAt }, customTitle, subagents] = await Promise.all([
    parseFile(file, isSubagent),
    customTitleOf(join(dirname(file), sessionId)),
    subagentsOf(file, sessionId),
  ]);
  return { transcript, origin: { sessionId, file, bytes, modifiedAt, customTitle, subagents, isSubagent } };
}
