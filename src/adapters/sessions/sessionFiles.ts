import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import type { JsonRecord } from '../../core/session/jsonRecord.ts';
import { type ParsedTranscript, parseTranscript } from '../../core/session/parseTranscript.ts';
import { isWarmUp } from '../../core/session/promptRules.ts';
import type { SubagentFile, TranscriptFile } from '../../core/session/turnTree.ts';
import type { OutlineIndex } from './outline/outlineIndex.ts';
import { entriesOf, plainFile, sessionIdOf } from './projectFiles.ts';
import { TranscriptScan } from './transcriptScan.ts';

const customTitleSchema = z.object({ customTitle: z.string().min(1) });
const metaSchema = z.record(z.string(), z.unknown());

function readJson(file: string): unknown {
  try {
    // Most sessions have none of these files, and an error costs more than a look.
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
  } catch {
    return null;
  }
}

/** Title that a person gave the session with `/rename`. @param folder the session's own folder beside the transcript */
export function customTitleOf(folder: string): string | null {
  const parsed = customTitleSchema.safeParse(readJson(join(folder, 'custom-title.json')));
  return parsed.success ? parsed.data.customTitle : null;
}

function agentIdOf(name: string): string | null {
  return /^agent-(.+)\.jsonl$/.exec(name)?.[1] ?? null;
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

  /** @param outlines where those of long files are remembered; null for nowhere */
  constructor(file: string, outlines: OutlineIndex | null) {
    this.file = file;
    this.#sessionId = sessionIdOf(basename(file)) ?? basename(file, '.jsonl');
    this.#isSubagent = agentIdOf(basename(file)) !== null;
    this.#scan = new TranscriptScan(file, { isSubagent: this.#isSubagent, outlines });
  }

  /** @throws the file system's error where the session's own file can't be read */
  async read(): Promise<{ transcript: ParsedTranscript; origin: TranscriptFile }> {
    this.#scan.update();
    const customTitle = customTitleOf(join(dirname(this.file), this.#sessionId));
    const subagents = await this.#readSubagents();
    const { bytes = 0, modifiedAt = 0 } = this.#scan.state ?? {};
    return {
      transcript: readSoFar(this.#scan.transcript),
      origin: {
        sessionId: this.#sessionId,
        file: this.file,
        bytes,
        // As `Stats.mtime` is, which a kept copy gets.
        modifiedAt: new Date(Math.round(modifiedAt)).toISOString(),
        customTitle,
        subagents,
        isSubagent: this.#isSubagent,
      },
    };
  }

  /** Gives back the files; contents open them again when they are asked for. */
  close(): void {
    for (const scan of [this.#scan, ...this.#subagents.values()]) scan.close();
  }

  /** Subagents in the session's own folder, and those that old versions put beside the sessions. */
  async #readSubagents(): Promise<SubagentFile[]> {
    const folder = dirname(this.file);
    const own = join(folder, this.#sessionId, 'subagents');
    const [inside, beside] = await Promise.all([agentFiles(own), agentFiles(folder)]);
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
    const meta = metaSchema.safeParse(readJson(join(dirname(file), `agent-${agentId}.meta.json`)));
    const scan = this.#subagents.get(file) ?? new TranscriptScan(file, { isSubagent: true });
    this.#subagents.set(file, scan);
    try {
      scan.update();
    } catch (error) {
      const detail = `The subagent's file can't be read: ${String(error)}`;
      const problem = { line: 1, kind: 'bad_record' as const, detail };
      const nothing = parseTranscript(new Uint8Array());
      return { agentId, file, meta: null, transcript: { ...readSoFar(nothing), problems: [problem] } };
    }
    return {
      agentId,
      file,
      meta: meta.success ? (meta.data as JsonRecord) : null,
      transcript: readSoFar(scan.transcript),
    };
  }
}

async function agentFiles(folder: string): Promise<string[]> {
  return (await entriesOf(folder)).flatMap(({ name }) => (agentIdOf(name) === null ? [] : join(folder, name)));
}
