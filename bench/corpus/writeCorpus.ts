import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { LineSink } from './lineSink.ts';
import { Random } from './random.ts';
import { makeShape, type RequestShape } from './requestLogWriter.ts';
import { type SessionSpec, SessionWriter } from './sessionWriter.ts';
import { TextPool } from './textPool.ts';

/** What a generated corpus holds. Equal options give equal bytes. */
export interface CorpusOptions {
  seed: number;
  sessions: number;
  /** Turns of each session, on average. */
  turns: number;
  /** About how large a turn is, on average. */
  bytesPerTurn: number;
  /**
   * One more session of exactly so many turns and about so many bytes. Unless it is compacted now and then it has no request
   * log: a conversation of hundreds of megabytes was never sent.
   */
  large?: { turns: number; bytes: number; compacted: boolean };
  /** A word that one session holds, none other. */
  rareWord?: string;
}

/** What was written. */
export interface Corpus {
  /** Of the sessions' files, without those of subagents. */
  bytes: number;
  /** Exact. */
  turns: number;
  /** `file` is relative to `dir`; `prompts` are the ids of the turns. */
  sessions: { sessionId: string; file: string; turns: number; bytes: number; prompts: string[] }[];
  subagentFiles: number;
  largeId: string | null;
  rareSessionId: string | null;
}

const projects = 25;
const turnsToCompaction = 25;

/**
 * Writes sessions in Claude Code's format below `dir/projects`, subagents' files included.
 * @param dir is emptied first
 */
export async function writeCorpus(dir: string, options: CorpusOptions): Promise<Corpus> {
  await rm(dir, { recursive: true, force: true });
  const pool = new TextPool(options.seed);
  const random = new Random(options.seed + 1);
  const shapes = Array.from({ length: projects }, () => makeShape(pool, random));
  const writer = new CorpusWriter(dir, pool, shapes);
  const rareAt = options.rareWord === undefined ? -1 : Math.floor(options.sessions * 0.6);
  for (let index = 0; index < options.sessions; index += 1) {
    const turns = Math.max(1, Math.round(options.turns * (0.2 + random.next() * 1.6)));
    const bytes = turns * options.bytesPerTurn * (0.4 + random.next() * 1.2);
    const planted = index === rareAt ? options.rareWord : undefined;
    // Every other session is of a version that kept no request log, and so are small ones: a log would be all they are.
    const logged = index % 2 === 0 && bytes > 20_000;
    const own = new Random(options.seed * 100_000 + index);
    await writer.session({ index, turns, bytes, random: own, planted, logged, compacted: true });
  }
  const { large } = options;
  if (large !== undefined) {
    const random = new Random(options.seed + 2);
    await writer.session({ index: options.sessions, ...large, random, planted: undefined, logged: large.compacted });
  }
  const { sessions } = writer;
  const corpus: Corpus = {
    bytes: sessions.reduce((sum, session) => sum + session.bytes, 0),
    turns: sessions.reduce((sum, session) => sum + session.turns, 0),
    sessions,
    subagentFiles: writer.subagentFiles,
    largeId: large === undefined ? null : (sessions.at(-1)?.sessionId ?? null),
    rareSessionId: sessions[rareAt]?.sessionId ?? null,
  };
  await writeFile(path.join(dir, 'corpus.json'), JSON.stringify(corpus));
  return corpus;
}

interface Planned {
  index: number;
  turns: number;
  bytes: number;
  random: Random;
  planted: string | undefined;
  /** Whether it has a request log. */
  logged: boolean;
  compacted: boolean;
}

class CorpusWriter {
  readonly sessions: Corpus['sessions'] = [];
  subagentFiles = 0;
  readonly #dir: string;
  readonly #pool: TextPool;
  readonly #shapes: readonly RequestShape[];

  constructor(dir: string, pool: TextPool, shapes: readonly RequestShape[]) {
    this.#dir = dir;
    this.#pool = pool;
    this.#shapes = shapes;
  }

  async session({ index, turns, bytes, random, planted, logged, compacted }: Planned): Promise<void> {
    const cwd = `/home/sam/project-${index % projects}`;
    const folder = path.join(this.#dir, 'projects', cwd.replaceAll(/[^a-zA-Z0-9]/g, '-'));
    await mkdir(folder, { recursive: true });
    const sessionId = random.uuid();
    const file = path.join(folder, `${sessionId}.jsonl`);
    const subagents = path.join(folder, sessionId, 'subagents');
    const spec: SessionSpec = {
      sessionId,
      cwd,
      startedAt: Date.UTC(2026, 5, 1) + index * 3_600_000,
      shape: logged ? (this.#shapes[index % projects] ?? null) : null,
      turnsToCompaction: compacted ? turnsToCompaction : Number.POSITIVE_INFINITY,
      startSubagent: (agentId, toolUseId) => this.#subagent(subagents, { ...spec, agentId }, toolUseId, random),
    };
    const sink = new LineSink(file);
    const writer = new SessionWriter(spec, sink, this.#pool, random);
    const prompts: string[] = [];
    for (let turn = 0; turn < turns; turn += 1) {
      if (turn === Math.floor(turns / 2) && planted !== undefined) writer.planted = `${planted} `;
      const left = Math.max(0, bytes - sink.about) / (turns - turn);
      prompts.push(writer.turn(turn, left * (0.3 + random.next() * 1.4)));
      if (turn === 0 && random.chance(0.5)) writer.title();
    }
    sink.close();
    this.sessions.push({ sessionId, file: path.relative(this.#dir, file), turns, bytes: sink.bytes, prompts });
  }

  #subagent(folder: string, spec: SessionSpec & { agentId: string }, toolUseId: string, random: Random): void {
    mkdirSync(folder, { recursive: true });
    const name = path.join(folder, `agent-${spec.agentId}`);
    const own = { ...spec, startSubagent: undefined };
    const sink = new LineSink(`${name}.jsonl`);
    new SessionWriter(own, sink, this.#pool, random).turn(0, random.between(5_000, 80_000));
    sink.close();
    const meta = { agentType: 'general-purpose', toolUseId, spawnDepth: 1, finished: true };
    writeFileSync(`${name}.meta.json`, JSON.stringify(meta));
    this.subagentFiles += 1;
  }
}
