import type { Loose } from './openRecordings.ts';

type Kind = 'prompt' | 'reply' | 'stand-in' | 'result' | 'aside';
export type Block = { type: string; [key: string]: unknown };

/** A message line as it stands in the file, with what the table needs to know of it. */
export interface Line {
  at: number;
  uuid: string;
  kind: Kind;
  messageId: string | null;
  blocks: Block[];
  raw: Loose;
}

/** Lines of a transcript, read without any of the code under test but for which of them are prompts. */
export class RawTranscript {
  readonly lines: Line[];
  readonly #records: Loose[];
  readonly #byUuid: Map<unknown, Loose>;

  constructor(text: string, prompts: ReadonlySet<string>) {
    this.#records = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Loose]));
    this.#byUuid = new Map(
      this.#records.flatMap((record) => (record.uuid === undefined ? [] : [[record.uuid, record]])),
    );
    this.lines = this.#records.flatMap((raw, at) => {
      if ((raw.type !== 'user' && raw.type !== 'assistant') || typeof raw.uuid !== 'string') return [];
      const { content, id } = raw.message as { content: string | Block[]; id?: string };
      const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
      return { at, uuid: raw.uuid, kind: kindOf(raw, blocks, prompts), messageId: id ?? null, blocks, raw };
    });
  }

  /** Whether a reply or a logged request says which model was asked. */
  get namesModel(): boolean {
    return this.lines.some(({ kind }) => kind === 'reply') || this.#records.some(({ type }) => type === 'api-request');
  }

  /** Lines of the same reply up to this one. */
  replyUpTo(line: Line): Line[] {
    return this.lines.filter(
      ({ kind, messageId, at }) => kind === 'reply' && messageId === line.messageId && at <= line.at,
    );
  }

  /** Where the result of a call stands. */
  resultOf(id: unknown): Line | undefined {
    return this.lines.find(({ blocks }) =>
      blocks.some((block) => block.type === 'tool_result' && block.tool_use_id === id),
    );
  }

  /** All calls of the reply that made the call which a result answers. */
  siblingsOf(result: Line): unknown[] {
    const answered = result.blocks.map((block) => block.tool_use_id);
    const caller = this.lines.find(({ blocks }) => callsIn(blocks).some((id) => answered.includes(id)));
    const reply = caller === undefined ? [] : this.lines.filter(({ messageId }) => messageId === caller.messageId);
    return reply.flatMap(({ blocks }) => callsIn(blocks));
  }

  /** What a line hangs on, nearest first; over compactions only where asked. */
  *above(line: Line, overCompactions: boolean): Generator<Loose> {
    const seen = new Set<Loose>();
    for (let at: Loose | undefined = line.raw; at !== undefined && !seen.has(at); ) {
      seen.add(at);
      const parent: unknown = at.parentUuid ?? (overCompactions ? at.logicalParentUuid : null) ?? null;
      at = parent === null ? undefined : this.#byUuid.get(parent);
      if (at !== undefined) yield at;
    }
  }
}

function kindOf(raw: Loose, blocks: Block[], prompts: ReadonlySet<string>): Kind {
  if (prompts.has(String(raw.uuid))) return 'prompt';
  if (raw.type === 'user') return blocks.some(({ type }) => type === 'tool_result') ? 'result' : 'aside';
  const { model } = raw.message as { model?: string };
  return model === '<synthetic>' || raw.isApiErrorMessage === true ? 'stand-in' : 'reply';
}

/** Ids of the calls among some blocks. */
export function callsIn(blocks: readonly Block[]): unknown[] {
  return blocks.flatMap((block) => (block.type === 'tool_use' ? [block.id] : []));
}
