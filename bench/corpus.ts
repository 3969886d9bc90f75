import { createHash } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** What a generated corpus holds. Equal options give equal bytes. */
export interface CorpusOptions {
  sessions: number;
  /** Turns of each session, spread between a quarter and twice this. */
  turns: number;
  /** Size of the filler that tool results carry, in bytes a turn. */
  bytesPerTurn: number;
  seed: number;
}

/** A small generator of repeatable random numbers in [0, 1) (Mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

const words = 'the parser keeps every accent of a name while slugs fold them into plain letters and digits'.split(' ');

/**
 * Writes sessions in Claude Code's transcript format below `dir/projects`: string and array prompts, tool calls one after
 * another and in parallel, images, rewinds.
 * @returns the config folder, the number of bytes and the exact number of turns written
 */
export async function writeCorpus(
  dir: string,
  options: CorpusOptions,
): Promise<{ claudeDir: string; bytes: number; turns: number }> {
  await rm(dir, { recursive: true, force: true });
  const next = random(options.seed);
  let bytes = 0;
  let turns = 0;
  for (let index = 0; index < options.sessions; index++) {
    const project = `/home/sam/project-${index % 25}`;
    const folder = path.join(dir, 'projects', project.replace(/[^a-zA-Z0-9]/g, '-'));
    await mkdir(folder, { recursive: true });
    const session = new SessionWriter(uuid(options.seed, index), project, next, options);
    const count = Math.max(1, Math.round(options.turns * (0.25 + next() * 1.75)));
    for (let turn = 0; turn < count; turn++) session.turn(turn);
    const text = session.text();
    bytes += Buffer.byteLength(text);
    turns += count;
    await writeFile(path.join(folder, `${session.id}.jsonl`), text);
  }
  return { claudeDir: dir, bytes, turns };
}

function uuid(...parts: (number | string)[]): string {
  const hex = createHash('sha256').update(parts.join('/')).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

class SessionWriter {
  private readonly lines: string[] = [];
  private parent: string | null = null;
  private turnStart: string | null = null;
  private count = 0;
  private time = Date.UTC(2026, 5, 1);

  readonly id: string;
  private readonly cwd: string;
  private readonly next: () => number;
  private readonly options: CorpusOptions;

  constructor(id: string, cwd: string, next: () => number, options: CorpusOptions) {
    this.id = id;
    this.cwd = cwd;
    this.next = next;
    this.options = options;
  }

  text(): string {
    return `${this.lines.join('\n')}\n`;
  }

  turn(index: number): void {
    // Now and then a person rewinds: the next prompt hangs on the message before the last one.
    if (index > 2 && this.next() < 0.05) this.parent = this.turnStart;
    const before = this.parent;
    const prompt = `${index + 1}. ${this.prose(12)}`;
    const asArray = this.next() < 0.3;
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: this.filler(2000) } };
    const content = asArray ? [{ type: 'text', text: prompt }, ...(this.next() < 0.2 ? [image] : [])] : prompt;
    this.chain('user', { message: { role: 'user', content }, promptSource: 'typed' });
    this.turnStart = before;
    const calls = this.next() < 0.3 ? 3 : 1;
    const messageId = `msg_${this.id.slice(0, 8)}_${index}`;
    const callLines = Array.from({ length: calls }, (_, call) => {
      const use = {
        type: 'tool_use',
        id: `toolu_${messageId}_${call}`,
        name: 'Read',
        input: { file_path: `${this.cwd}/src/${call}.ts` },
      };
      return { id: use.id, uuid: this.chain('assistant', this.reply(messageId, use, 'tool_use')) };
    });
    for (const call of callLines) {
      const result = this.filler(this.options.bytesPerTurn / calls);
      this.chain('user', {
        message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: result }] },
        toolUseResult: { type: 'text' },
        sourceToolAssistantUUID: call.uuid,
      });
    }
    this.chain('assistant', this.reply(`${messageId}_end`, { type: 'text', text: this.prose(60) }, 'end_turn'));
  }

  private reply(id: string, block: object, stopReason: string): object {
    const usage = {
      input_tokens: 12,
      output_tokens: 80,
      cache_read_input_tokens: 9000,
      cache_creation_input_tokens: 400,
    };
    return {
      message: {
        id,
        type: 'message',
        role: 'assistant',
        model: 'claude-sonnet-4-5',
        content: [block],
        stop_reason: stopReason,
        usage,
      },
    };
  }

  private chain(type: string, body: object): string {
    const id = uuid(this.id, this.count++);
    this.time += 1500;
    const line = {
      parentUuid: this.parent,
      isSidechain: false,
      type,
      ...body,
      uuid: id,
      timestamp: new Date(this.time).toISOString(),
      cwd: this.cwd,
      sessionId: this.id,
      version: '2.1.200',
      gitBranch: 'main',
    };
    this.lines.push(JSON.stringify(line));
    this.parent = id;
    return id;
  }

  private prose(length: number): string {
    return Array.from({ length }, () => words[Math.floor(this.next() * words.length)]).join(' ');
  }

  private filler(bytes: number): string {
    const sentence = `${this.prose(20)}\n`;
    return sentence.repeat(Math.ceil(bytes / sentence.length)).slice(0, Math.round(bytes));
  }
}
