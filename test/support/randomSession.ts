import fc from 'fast-check';
import { logRequest } from './requestLog.ts';
import { type Line, sha256, TranscriptBuilder } from './transcript.ts';

/** A valid session of made-up text. */
export interface RandomSession {
  sessionId: string;
  lines: Line[];
  /** The file as Claude Code would have written it. */
  bytes: Uint8Array;
}

/** One thing that happens in a session. Numbers choose among what is there, modulo its count. */
type Event =
  | { kind: 'prompt'; form: 'text' | 'blocks' | 'image' | 'meta' | 'command' | 'bash'; text: string }
  | { kind: 'reply'; thinking: boolean; text: string; calls: CallEvent[]; order: number; model: number; log: Logged }
  | { kind: 'rewind'; to: number; explicit: boolean }
  | { kind: 'compaction'; summary: string; preserved: boolean }
  | { kind: 'sidechain'; text: string }
  | { kind: 'request'; text: string }
  | { kind: 'meta'; which: number; text: string }
  | { kind: 'attachment'; text: string }
  | { kind: 'error' }
  | { kind: 'interruption' }
  | { kind: 'duplicate'; of: number };

/** Whether the request log holds what a reply answers, and whether a hook changed it. */
type Logged = 'no' | 'exact' | 'changed';

interface CallEvent {
  name: string;
  result: string | null;
  isError: boolean;
}

/** Texts with what makes trouble in JSON lines: quotes, braces, what looks like records, many scripts. */
const text = fc.oneof(
  { weight: 3, arbitrary: fc.lorem({ maxCount: 8 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      'a "quoted" \\ word',
      '{"type":"user","uuid":"fake","sessionId":"fake"}',
      'ends with {',
      'line one\nline two\r\n\ttabbed',
      '👩‍👩‍👧 ☃ \u202Ereversed\u202C \u0000\u001b[31m',
      'x'.repeat(3000),
    ),
  },
);

const call: fc.Arbitrary<CallEvent> = fc.record({
  name: fc.constantFrom('Read', 'Bash', 'Edit', 'Task'),
  result: fc.option(text, { nil: null }),
  isError: fc.boolean(),
});

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('prompt'),
      form: fc.constantFrom('text', 'text', 'blocks', 'image', 'meta', 'command', 'bash'),
      text,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('reply'),
      thinking: fc.boolean(),
      text,
      calls: fc.array(call, { maxLength: 3 }),
      order: fc.nat(5),
      model: fc.nat(2),
      log: fc.constantFrom('no', 'exact', 'exact', 'changed'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rewind'), to: fc.nat(), explicit: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compaction'), summary: text, preserved: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('sidechain'), text }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('request'), text }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('meta'), which: fc.nat(), text }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('attachment'), text }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'error' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'interruption' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('duplicate'), of: fc.nat() }) },
) as fc.Arbitrary<Event>;

const models = ['claude-opus-5-5', 'claude-haiku-4-5-20251001', '<synthetic>'];

/** Ids as long as real ones: damage must not turn one into another. @param salt other ones for another process */
function uuidOf(serial: number, salt: string): string {
  const hex = sha256(`uuid ${salt}${serial}`);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

/** Lets events happen to a session. */
class SessionWriter {
  readonly builder: TranscriptBuilder;
  readonly #chained: string[] = [];
  readonly #requests: string[] = [];
  #calls = 0;

  constructor(salt: string) {
    this.builder = new TranscriptBuilder({ sessionId: uuidOf(0, ''), uuidOf: (serial) => uuidOf(serial, salt) });
  }

  write(happening: Event): void {
    const before = this.builder.lines.length;
    this.#happen(happening);
    for (const { uuid } of this.builder.lines.slice(before)) if (typeof uuid === 'string') this.#chained.push(uuid);
  }

  #happen(happening: Event): void {
    const { builder } = this;
    switch (happening.kind) {
      case 'prompt':
        return void this.#prompt(happening);
      case 'reply':
        return this.#reply(happening);
      case 'rewind':
        return this.#rewind(happening);
      case 'compaction':
        return this.#compact(happening);
      case 'sidechain': {
        const { last } = builder;
        builder.prompt(happening.text, { isSidechain: true, agentId: 'a1' });
        return void builder.goTo(last);
      }
      case 'request':
        return this.#request(happening.text);
      case 'meta':
        return this.#meta(happening);
      case 'attachment':
        return void builder.chained('attachment', {
          attachment: { type: 'date', date: happening.text },
          rendered: [{ content: happening.text }],
          renderedRole: 'user',
        });
      case 'error':
        return void builder.chained('system', {
          subtype: 'api_error',
          error: { status: 529, formatted: 'Overloaded' },
        });
      case 'interruption':
        return void builder.prompt([{ type: 'text', text: '[Request interrupted by user]' }]);
      case 'duplicate': {
        const line = builder.lines[happening.of % Math.max(1, builder.lines.length)];
        if (line !== undefined) builder.lines.push(line);
      }
    }
  }

  #prompt({ form, text: said }: Event & { kind: 'prompt' }): string {
    const { builder } = this;
    const image = {
      type: 'image',
      source: { type: 'base64', media_type: 'image/png', data: 'AAAA'.repeat(60) },
    };
    if (form === 'blocks')
      return builder.prompt([
        { type: 'text', text: said },
        { type: 'text', text: 'And more.' },
      ]);
    if (form === 'image') return builder.prompt([image, { type: 'text', text: said }]);
    if (form === 'meta') return builder.prompt(said, { isMeta: true });
    if (form === 'bash') return builder.prompt(`<bash-input>${said}</bash-input>`);
    if (form === 'command') {
      builder.prompt('<command-name>/model</command-name>');
      return builder.prompt('<local-command-stdout>Set model</local-command-stdout>');
    }
    return builder.prompt(said);
  }

  /** A line a block; results of parallel calls come in any order, some never. */
  #reply({ thinking, text: said, calls, order, model, log }: Event & { kind: 'reply' }): void {
    const { builder } = this;
    const logged = log === 'no' ? {} : this.#log(said, log);
    const id = `msg_${this.#calls}_${builder.lines.length}`;
    const blocks: Line[] = [
      ...(thinking ? [{ type: 'thinking', thinking: said, signature: 'c2ln' }] : []),
      ...(said === '' && calls.length > 0 ? [] : [{ type: 'text', text: said }]),
    ];
    const made = calls.map((each) => ({ ...each, id: `toolu_${this.#calls++}` }));
    blocks.push(
      ...made.map(({ id: call, name }) => ({ type: 'tool_use', id: call, name, input: { file_path: said } })),
    );
    const usage = { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 100, cache_creation_input_tokens: 20 };
    const stop_reason = calls.length > 0 ? 'tool_use' : 'end_turn';
    const shared = { id, type: 'message', role: 'assistant', model: models[model] ?? models[0] };
    const lineOf = new Map(
      blocks.map((block) => [
        block.id,
        builder.chained('assistant', { message: { ...shared, content: [block], stop_reason, usage }, ...logged }),
      ]),
    );
    for (let at = 0; at < made.length; at += 1) {
      const {
        id: call,
        result,
        isError,
      } = made[(at + order) % made.length] ?? { id: '', result: null, isError: false };
      const source = lineOf.get(call);
      if (result === null || source === undefined) continue;
      const content = [{ type: 'tool_result', tool_use_id: call, content: result, is_error: isError }];
      const more = { sourceToolAssistantUUID: source, toolUseResult: { stdout: result } };
      builder.chained('user', { message: { role: 'user', content }, ...more }, source);
    }
  }

  /** A log of the request with a digest that is right for it. @returns what the reply to it says of it */
  #log(said: string, log: Logged): Line {
    const requestRef = `request_${this.#requests.length}`;
    // What was sent was legal, whatever was said.
    const messages = [{ role: 'user', content: `Asked: ${said.toWellFormed()}` }];
    logRequest(this.builder, { id: requestRef, messages, blobs: [0] });
    this.#requests.push(requestRef);
    // The hook's mark may come with a later reply than the one that it is about.
    const record = this.#requests[said.length % this.#requests.length];
    return { requestRef, ...(log === 'changed' && { requestHookChanged: { record } }) };
  }

  #rewind({ to, explicit }: Event & { kind: 'rewind' }): void {
    const target = this.#chained[to % Math.max(1, this.#chained.length)] ?? null;
    this.builder.goTo(target);
    if (explicit) this.builder.unchained('last-prompt', { lastPrompt: 'x', leafUuid: target, explicit: true });
  }

  #compact({ summary, preserved }: Event & { kind: 'compaction' }): void {
    const leaf = this.builder.last;
    const kept = preserved && leaf !== null ? { preservedMessages: { anchorUuid: leaf, uuids: [leaf] } } : {};
    const compactMetadata = { trigger: 'manual', preTokens: 12_516, postTokens: 2_666, ...kept };
    const more = { subtype: 'compact_boundary', logicalParentUuid: leaf, compactMetadata };
    this.builder.chained('system', more, null);
    this.builder.prompt(summary, { isCompactSummary: true });
  }

  #request(said: string): void {
    const hash = sha256(said);
    this.builder.unchained('api-request-shape', { shapeHash: hash, shape: { system: [said], tools: [] } });
    this.builder.unchained('api-request-blob', { hash, message: { role: 'user', content: said } });
    const params = { model: models[0], max_tokens: 32_000 };
    this.builder.unchained('api-request', { id: hash, shapeHash: hash, params, tail: [hash], requestDigest: hash });
  }

  #meta({ which, text: said }: Event & { kind: 'meta' }): void {
    const kinds: [string, Line][] = [
      ['custom-title', { customTitle: said }],
      ['ai-title', { aiTitle: said }],
      ['cost-state', { totalCostUSD: 0.25 }],
      ['mode', { mode: 'normal' }],
      ['queue-operation', { operation: 'enqueue', content: said }],
      [
        'file-history-snapshot',
        { messageId: this.builder.last, snapshot: { trackedFileBackups: {} }, isSnapshotUpdate: false },
      ],
      ['from-the-future', { anything: [said, { said }] }],
    ];
    const [type, fields] = kinds[which % kinds.length] ?? ['mode', {}];
    this.builder.unchained(type, fields);
  }
}

function sessionOf(events: readonly Event[], salt = ''): RandomSession {
  const writer = new SessionWriter(salt);
  for (const each of events) writer.write(each);
  const { builder } = writer;
  return { sessionId: builder.sessionId, lines: builder.lines, bytes: builder.bytes() };
}

/** Any valid session of up to so many events: prompts, replies, parallel calls, rewinds, compactions, logs, titles. */
export function anySession(maxEvents = 14): fc.Arbitrary<RandomSession> {
  return anyEvents(maxEvents).map((events) => sessionOf(events));
}

/** What two processes wrote into one file at the same time, a line each at a time. */
export function anySharedSession(maxEvents = 8): fc.Arbitrary<RandomSession> {
  return fc
    .tuple(anyEvents(maxEvents), anyEvents(maxEvents), fc.infiniteStream(fc.boolean()))
    .map(([one, other, whose]) => {
      const [first, second] = [sessionOf(one, 'one'), sessionOf(other, 'other')];
      const left = [first.lines.values(), second.lines.values()] as const;
      const lines: Line[] = [];
      while (lines.length < first.lines.length + second.lines.length) {
        const { value, done } = left[whose.next().value ? 0 : 1].next();
        if (done !== true) lines.push(value);
      }
      const bytes = new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      return { sessionId: first.sessionId, lines, bytes };
    });
}

/** A session whose lines are whole and whose records are odd: wrong parents, cycles, times, types, contents, names. */
export function anyOddSession(): fc.Arbitrary<RandomSession> {
  const oddity = fc.record({ at: fc.nat(), from: fc.nat(), kind: fc.nat(9) });
  return fc.tuple(anySession(), fc.array(oddity, { minLength: 1, maxLength: 8 })).map(([session, oddities]) => {
    const lines = session.lines.map((line) => ({ ...line }));
    for (const { at, from, kind } of oddities) {
      const line = lines[at % lines.length];
      const uuid = lines[from % lines.length]?.uuid;
      if (line !== undefined) makeOdd(line, kind, typeof uuid === 'string' ? uuid : 'not-there');
    }
    const bytes = new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    return { ...session, lines, bytes };
  });
}

function makeOdd(line: Line, kind: number, uuid: string): void {
  const changes: Line[] = [
    { parentUuid: uuid },
    { parentUuid: line.uuid },
    { parentUuid: 'not-there' },
    { timestamp: '1970-01-01T00:00:00.000Z' },
    { timestamp: 'yesterday' },
    { message: { role: 'user', content: 7 } },
    { message: null },
    { sourceToolAssistantUUID: uuid },
    { more: JSON.parse(`${'['.repeat(300)}${']'.repeat(300)}`) as unknown },
    { isSidechain: 'yes' },
  ];
  Object.assign(line, changes[kind]);
  if (kind === 9)
    Object.defineProperty(line, '__proto__', {
      value: { polluted: true },
      enumerable: true,
      configurable: true,
    });
}

function anyEvents(maxEvents: number): fc.Arbitrary<Event[]> {
  return fc.array(event, { minLength: 1, maxLength: maxEvents });
}

/** The session that belongs to a seed, for tests that need one and not a property. */
export function randomSession(seed: number, events = 60): RandomSession {
  const [made] = fc.sample(fc.array(event, { minLength: events, maxLength: events }), { seed, numRuns: 1 });
  return sessionOf(made ?? []);
}
