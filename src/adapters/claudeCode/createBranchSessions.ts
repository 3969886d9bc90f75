import { link, lstat, mkdir, readFile, realpath, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Doubt } from '../../core/agent/agentFacts.ts';
import type { BranchSessions } from '../../core/agent/agentPorts.ts';
import type { BranchChain } from '../../core/agent/agentSettings.ts';
import { pathMover } from '../../core/agent/movePaths.ts';
import type { Json } from '../../core/canonicalJson.ts';
import { AgentError, messageOf, StorageError } from '../../core/errors.ts';
import { callOf } from '../../core/fork/pairCalls.ts';
import { type JsonRecord, parseRecord, textField } from '../../core/session/jsonRecord.ts';
import { parseTranscript } from '../../core/session/parseTranscript.ts';
import { projectFolderName } from '../../core/session/projectFolderName.ts';
import type { TranscriptEntry } from '../../core/session/transcriptEntry.ts';
import { fileErrorCode, isAbsent } from '../fileErrors.ts';
import { openPlainFile, plainFile } from '../plainFiles.ts';
import { projectsIn, transcriptIn } from './layout.ts';
import { transcriptPlaces } from './projectFiles.ts';

/** Errors of file systems without hard links. */
const noLinks: ReadonlySet<string | null> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES']);

/** Keeps which session a branch's session comes from, where its own file can't say it. */
interface OriginNotes {
  note(sessionId: string, source: string): Promise<void>;
  forget(sessionId: string): Promise<void>;
}

/** Writes and looks after the sessions of branches, which lie among Claude Code's own. */
export function createBranchSessions(origins: OriginNotes): BranchSessions {
  return {
    async write(order) {
      if (order.chain.leafUuid === null) {
        await origins.note(order.sessionId, order.source);
        return null;
      }
      const folder = join(projectsIn(order.configDir), projectFolderName(await realPath(order.cwd)));
      const file = transcriptIn(folder, order.sessionId);
      const text = branchLines(order)
        .map((line) => `${line}\n`)
        .join('');
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeNew(file, text);
      } catch (error) {
        throw notWritten(file, error);
      }
      return file;
    },
    async state(configDir, sessionId, chain) {
      const file = await fileOf(configDir, sessionId);
      if (file === null) return { file, prompts: 0, open: [] };
      const added = await addedTo(file, chain);
      return { file, prompts: added.filter(({ facts }) => facts.prompt !== null).length, open: openCalls(added) };
    },
    async discard(configDir, sessionId, chain) {
      const file = await fileOf(configDir, sessionId);
      if (file === null) await origins.forget(sessionId);
      if (file === null || (await addedTo(file, chain)).length > 0) return;
      await rm(file, { force: true });
      // Only where it holds nothing else: then it was made for this session.
      await rmdir(dirname(file)).catch(() => undefined);
    },
  };
}

/** The path with symbolic links resolved, as Claude Code sees the folder that it is started in. */
async function realPath(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

/** The chain as lines of a session of its own. */
function branchLines(order: Parameters<BranchSessions['write']>[0]): string[] {
  const { chain, sessionId, source, rewrite, title, configDir } = order;
  const move = rewrite === null ? (value: Json) => value : pathMover({ ...rewrite, except: [configDir] });
  const copied = chain.lines.map((line) => copiedRecord(move(JSON.parse(line) as JsonRecord) as JsonRecord, order));
  const named = title === null ? [] : [{ type: 'custom-title', customTitle: title, sessionId }];
  const records = [...copied.map((record) => ({ ...record, sessionId })), ...named];
  if (records.length === 0) throw new AgentError(`Nothing of session ${source} is kept.`, 'Choose another fork point.');
  return records.map((record) => JSON.stringify(record));
}

/** As Claude Code marks what it copies itself when it branches a session. */
function copiedRecord(record: JsonRecord, { source }: { source: string }): JsonRecord {
  const uuid = textField(record, 'uuid');
  if (uuid === null) return record;
  const { sessionKind: _ofTheSource, ...copy } = record;
  const sender = textField(record, 'requestSessionId') ?? textField(record, 'sessionId') ?? source;
  return {
    ...copy,
    ...(record.type === 'assistant' ? { requestSessionId: sender } : {}),
    forkedFrom: { sessionId: source, messageUuid: uuid },
  };
}

/** Writes a file that must not be there yet; nobody sees a part of it. */
async function writeNew(file: string, text: string): Promise<void> {
  const draft = `${file}.${crypto.randomUUID()}.partial`;
  try {
    await writeFile(draft, text, { mode: 0o600, flag: 'wx', flush: true });
    try {
      await link(draft, file);
    } catch (error) {
      if (!noLinks.has(fileErrorCode(error))) throw error;
      await renameToNew(draft, file);
    }
  } finally {
    await rm(draft, { force: true });
  }
}

async function renameToNew(draft: string, file: string): Promise<void> {
  const there = await lstat(file).catch((error: unknown) => {
    if (isAbsent(error)) return null;
    throw error;
  });
  if (there !== null) throw Object.assign(new Error(`${file} exists.`), { code: 'EEXIST' });
  await rename(draft, file);
}

function notWritten(file: string, error: unknown): Error {
  const exists = fileErrorCode(error) === 'EEXIST';
  return new StorageError(
    exists ? `The branch’s session is there already: ${file}.` : `The branch’s session can’t be written: ${file}.`,
    exists
      ? 'Run the branch again: it gets a session of its own.'
      : `Make room and check your rights (${messageOf(error)}).`,
    undefined,
    { cause: error },
  );
}

async function fileOf(configDir: string, sessionId: string): Promise<string | null> {
  for (const file of await transcriptPlaces(configDir, sessionId)) {
    if ((await plainFile(file)) !== null) return file;
  }
  return null;
}

/** Messages and what hangs on them that the session holds beyond the chain, without those of subagents. */
async function addedTo(file: string, chain: BranchChain): Promise<TranscriptEntry[]> {
  const handle = await openPlainFile(file);
  try {
    const copied = new Set(chain.lines.flatMap((line) => textField(parseRecord(line), 'uuid') ?? []));
    const { entries } = parseTranscript(await readFile(handle));
    return entries.filter(({ uuid, isSidechain }) => uuid !== null && !isSidechain && !copied.has(uuid));
  } finally {
    await handle.close();
  }
}

/** Calls that have no result. */
function openCalls(added: readonly TranscriptEntry[]): Doubt[] {
  const answered = new Set(added.flatMap(({ facts }) => facts.toolResults.map(({ id }) => id)));
  const blocks = added.flatMap((entry) => (entry.facts.toolUses.length === 0 ? [] : (entry.message?.content ?? [])));
  return blocks.flatMap((block) => {
    const call = block.type === 'tool_use' ? callOf(block) : null;
    return call === null || answered.has(call.id) ? [] : [{ tool: call.name, input: block.input }];
  });
}
