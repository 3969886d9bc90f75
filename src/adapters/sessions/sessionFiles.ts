import { basename, dirname, join, sep } from 'node:path';
import { type ParsedTranscript, parseTranscript } from '../../core/session/parseTranscript.ts';
import { isWarmUp } from '../../core/session/promptRules.ts';
import type { SessionTree, SubagentFile, TranscriptFile } from '../../core/session/turnTree.ts';
import { customTitleOf, readRecord } from '../claudeCode/customTitle.ts';
import { agentIdOf, metaFileOf, sessionIdOf } from '../claudeCode/layout.ts';
import { subagentFilesIn, workflowOf } from '../claudeCode/subagentFiles.ts';
import { type FileStamp, fileStamp, isSameStamp, modifiedTime, noStamp } from '../fileStamp.ts';
import { entriesOf, plainFile } from '../plainFiles.ts';
import { LineSource } from './lineSource.ts';
import { CachedSession, partsOfSession, type StoredSession } from './outline/cachedSession.ts';
import type { Outlines } from './outline/outlineIndex.ts';
import { partOf } from './outline/partOf.ts';
import { TranscriptScan } from './transcriptScan.ts';

type FileStates = Pick<StoredSession, 'state' | 'subagentState'>;

interface SubagentFiles {
  inside: readonly string[];
  beside: readonly string[];
}

/** A session's files as they were read. */
export interface ReadFiles {
  transcript: ParsedTranscript;
  origin: TranscriptFile;
  /** In which states they were; null where the session is too short to be cached. */
  states: FileStates | null;
}

/** What a scan has read so far; goes on holding just that when the file has grown. */
function readSoFar({ entries, problems, summary }: ParsedTranscript): ParsedTranscript {
  return { entries: [...entries], problems: [...problems], summary };
}

/**
 * A session with its subagents, read as far as its files go. Read again, it takes only what was added since: lines that were
 * read stay read.
 */
export class SessionFiles {
  readonly file: string;
  readonly #sessionId: string;
  readonly #isSubagent: boolean;
  readonly #scan: TranscriptScan;
  readonly #subagents = new Map<string, TranscriptScan>();
  readonly #outlines: Outlines | null;
  #source: LineSource | null = null;
  /** States of the files in which the session was cached. */
  #cached: FileStates | null = null;

  /** @param outlines where those of long files are cached; null for nowhere */
  constructor(file: string, outlines: Outlines | null) {
    this.file = file;
    this.#outlines = outlines;
    this.#sessionId = sessionIdOf(basename(file)) ?? basename(file, '.jsonl');
    this.#isSubagent = agentIdOf(basename(file)) !== null;
    this.#scan = new TranscriptScan(file, { isSubagent: this.#isSubagent, outlines });
  }

  /** @throws the file system's error where the session's own file can't be read */
  async read(): Promise<ReadFiles> {
    this.#scan.update();
    const transcript = readSoFar(this.#scan.transcript);
    const state = this.#scan.state ?? noStamp;
    const files = await this.#subagentFiles();
    // Looked at before they are read: what is written meanwhile is noticed by whoever looks next.
    const isLong = this.#outlines !== null && state.bytes >= this.#outlines.cacheFrom;
    const states = isLong ? { state, subagentState: stateOfSubagents(files) } : null;
    return { transcript, origin: this.#origin(state, await this.#readSubagents(files)), states };
  }

  #origin(state: FileStamp, subagents: readonly SubagentFile[]): TranscriptFile {
    return {
      sessionId: this.#sessionId,
      file: this.file,
      bytes: state.bytes,
      modifiedAt: modifiedTime(state),
      customTitle: customTitleOf(this.file),
      subagents,
      isSubagent: this.#isSubagent,
    };
  }

  /**
   * The session as another process has understood it, where its files have not changed since; null where it must be read.
   * @throws the file system's error where the session's own file can't be looked at
   */
  async recall(): Promise<CachedSession | null> {
    const outlines = this.#outlines;
    const stamp = fileStamp(this.file);
    if (outlines === null || stamp === null || stamp.bytes < outlines.cacheFrom || this.#scan.state !== null)
      return null;
    const stored = partOf<StoredSession>(outlines, this.file, 'session', stamp);
    if (stored === null || stored.subagentState !== stateOfSubagents(await this.#subagentFiles())) return null;
    this.#source?.close();
    this.#source = new LineSource(this.file, stored.state.inode);
    const cached = CachedSession.from(stored, this.#origin(stored.state, []), this.#source, outlines);
    if (cached !== null) this.#cached = { state: stored.state, subagentState: stored.subagentState };
    return cached;
  }

  /** Caches a session as it was read, where its records are cached as of then. */
  cache(tree: SessionTree, { transcript, states }: ReadFiles): void {
    this.#scan.cache();
    if (this.#outlines === null || states === null || !this.#scan.caches(states.state)) return;
    const before = this.#cached;
    if (before?.subagentState === states.subagentState && isSameStamp(before.state, states.state)) return;
    this.#cached = states;
    this.#outlines.add(this.file, partsOfSession(tree, transcript, states));
  }

  /** Gives back the files; contents open them again when they are asked for. */
  close(): void {
    for (const scan of [this.#scan, ...this.#subagents.values()]) scan.close();
    this.#source?.close();
  }

  /** Subagents in the session's own folder, and those of all sessions that old versions put beside them. */
  async #subagentFiles(): Promise<SubagentFiles> {
    const folder = dirname(this.file);
    return { inside: subagentFilesIn(join(folder, this.#sessionId)), beside: await agentFiles(folder) };
  }

  async #readSubagents({ inside, beside }: SubagentFiles): Promise<SubagentFile[]> {
    const found = await Promise.all([
      ...inside.map((file) => this.#readSubagent(file)),
      ...beside.map(async (file) => {
        const agent = await this.#readSubagent(file);
        const { entries, summary } = agent?.transcript ?? {};
        return summary?.names(this.#sessionId) === true && entries !== undefined && !isWarmUp(entries) ? agent : null;
      }),
    ]);
    return found.filter((agent) => agent !== null).sort((a, b) => (a.agentId < b.agentId ? -1 : 1));
  }

  async #readSubagent(file: string): Promise<SubagentFile | null> {
    const agentId = agentIdOf(basename(file));
    if (agentId === null || (await plainFile(file).catch(() => null)) === null) return null;
    const scan = this.#subagents.get(file) ?? new TranscriptScan(file, { isSubagent: true });
    this.#subagents.set(file, scan);
    try {
      scan.update();
    } catch (error) {
      const detail = `The subagent's file can't be read: ${String(error)}`;
      const problem = { line: 1, kind: 'bad_record' as const, detail };
      const nothing = parseTranscript(new Uint8Array());
      return { agentId, file, workflow: null, meta: null, transcript: { ...readSoFar(nothing), problems: [problem] } };
    }
    return {
      agentId,
      file,
      workflow: workflowOf(file),
      meta: readRecord(metaFileOf(file)),
      transcript: readSoFar(scan.transcript),
    };
  }
}

function stateOfSubagents({ inside, beside }: SubagentFiles): string {
  const states = [...inside, ...beside].sort().map((file) => {
    const [own, meta] = [file, metaFileOf(file)].map((path) => fileStamp(path)?.text ?? 'none');
    return `${workflowOf(file) ?? ''} ${basename(file)} ${own} ${meta}`;
  });
  return states.join('\n');
}

async function agentFiles(folder: string): Promise<string[]> {
  return (await entriesOf(folder)).flatMap(({ name }) => (agentIdOf(name) === null ? [] : `${folder}${sep}${name}`));
}
