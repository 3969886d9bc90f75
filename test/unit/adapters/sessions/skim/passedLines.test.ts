import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { LineSkimmer } from '../../../../../src/adapters/sessions/skim/lineSkimmer.ts';
import { TranscriptScan } from '../../../../../src/adapters/sessions/transcriptScan.ts';
import { parseTranscript } from '../../../../../src/core/session/parseTranscript.ts';

const folder = mkdtempSync(join(tmpdir(), 'passed-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Line = Record<string, unknown>;

function uuidOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

/** A record as nearly all of a session are. */
function ordinary(number: number, kind: number): Line {
  const model = 'claude-sonnet-4-5';
  const text = { type: 'text', text: 'Say "it"\n' };
  const result = { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: '/x' }] };
  const bodies: Line[] = [
    {
      type: 'assistant',
      message: { role: 'assistant', id: 'msg_1', model, content: [text], usage: { input_tokens: 1 } },
    },
    { type: 'user', message: { role: 'user', content: [result, result] } },
    { type: 'user', message: { role: 'user', content: `Prompt ${number}` } },
    { type: 'user', message: { role: 'user', content: [{ type: 'text', text: 'Look' }, { type: 'image' }] } },
    { type: 'attachment', attachment: { type: 'session_context', prompt: 'x' } },
    { type: 'progress', data: { type: 'hook' } },
    { type: 'system', subtype: 'local_command', content: '<local-command-stdout>Done' },
    { type: 'mode', mode: 'plan' },
    { type: 'cost-state', totalCostUSD: number / 8 },
    { type: 'ai-title', aiTitle: `Title ${number}` },
  ];
  const body = bodies[kind % bodies.length] as Line;
  if (kind % bodies.length >= 7) return body;
  return {
    parentUuid: number === 0 ? null : uuidOf(number - 1),
    isSidechain: false,
    ...body,
    uuid: uuidOf(number),
    timestamp: `2026-06-10T09:${String(number % 60).padStart(2, '0')}:00.000Z`,
    cwd: '/home/sam/project',
    sessionId: '3f2a',
    version: '2.1.300',
    gitBranch: 'main',
  };
}

const texts = [
  '',
  '/compact',
  ' <local-command-stdout>x',
  '<command-name>/cost</command-name>',
  '[Request interrupted by user]',
  'Unknown skill: pottery',
  'Unknown skill in this team',
  '<ide_opened_file>a.txt</ide_opened_file>',
];
const oddTexts = [
  ...texts,
  '\u00a0<bash-stdout>',
  '\u3000[Request interrupted by user]',
  'né',
  '你好',
  '\\',
  '"',
  '\tx',
  '\n<bash-stdout>x',
];
const times = [
  '2026-02-30T00:00:00.000Z',
  '2026-04-30T00:00:00.000Z',
  '2026-13-01T00:00:00.000Z',
  '2026-06-10T24:00:00.000Z',
];
const oddTimes = [...times, '2026-06-10T09:60:00.000Z', '2026-06-10', 'never', '2026-06-31T09:00:00.000Z', '', null, 5];

type Change = (line: Line) => string;

/** What makes a line another one than the summary could do without. */
const changes: readonly Change[] = [
  ...set('cwd', ['/home/sam/other', '', null, 7, `/${'long/'.repeat(40)}`, 'C:\\work']),
  ...set('gitBranch', ['fix', '', null]),
  ...set('version', ['2.1.301', null, 3]),
  ...set('sessionId', ['3f2b', '', null]),
  ...set('timestamp', oddTimes),
  ...set('isSidechain', [true, null, 'x']),
  ...set('isMeta', [true, null]),
  ...set('isCompactSummary', [true]),
  ...set('isVisibleInTranscriptOnly', [true]),
  ...set('isApiErrorMessage', [true, 1]),
  ...set('logicalParentUuid', [uuidOf(0), uuidOf(999), null, '']),
  ...set('forkedFrom', [{ sessionId: '3f2c', messageUuid: uuidOf(1) }]),
  ...set('type', [
    'user',
    'assistant',
    'attachment',
    'system',
    'custom-title',
    'summary',
    'cost-state',
    'other',
    '',
    4,
  ]),
  ...set('totalCostUSD', [0.5, 1e300, -1, '3', null]),
  ...set('attachment', [{ type: 'queued_command', prompt: 'More' }, { type: 7 }, {}, null, 'x']),
  ...set('uuid', [uuidOf(1), uuidOf(2), uuidOf(1).replace('4000', '4099'), 'short', '', null, 5, '\\'.repeat(36)]),
  ...set('uuid', [`${uuidOf(1).slice(0, -2)}é`, `${uuidOf(1).slice(0, -1)}é`]),
  ...set('parentUuid', [uuidOf(0), uuidOf(999), 'short', '', null]),
  ...setInMessage('model', ['claude-opus-4-5', '<synthetic>', null, 6, '', 'x'.repeat(200)]),
  ...setInMessage('role', ['system', 'assistant', null, '']),
  ...setInMessage('content', [[], [{}], ['x'], [[]], [{ type: 5 }], [{ type: 'text' }], {}, null, [{ type: 'image' }]]),
  ...setInMessage('content', [[{ type: 'tool_result' }, { type: 'text', text: 'x' }]]),
  ...setInMessage('content', oddTexts),
  ...setInMessage(
    'content',
    oddTexts.map((text) => [{ type: 'image' }, { type: 'text', text }]),
  ),
  // What begins a conversation without being asked, and blocks of one prompt in lines of their own.
  ...['Check it', '<local-command-caveat>x'].map(
    (content) => (line: Line) =>
      JSON.stringify({ ...line, parentUuid: null, isMeta: true, message: { role: 'user', content } }),
  ),
  ...[{ type: 'image' }, { type: 'text', text: 'Look' }, { type: 'text', text: texts.at(-1) }].map(
    (block) => (line: Line) =>
      JSON.stringify({
        ...line,
        type: 'user',
        timestamp: '2026-06-10T09:00:00.000Z',
        message: { role: 'user', content: [block] },
      }),
  ),
  ...['cwd', 'uuid', 'parentUuid', 'timestamp', 'message', 'type', 'sessionId'].map((key) => (line: Line) => {
    const { [key]: _dropped, ...rest } = line;
    return JSON.stringify(rest);
  }),
  // A second member of the same name is the one that counts.
  ...['"uuid":"x"', '"cwd":"/twice"', '"type":"system"', '"message":{}', '"isSidechain":true', '"timestamp":null'].map(
    (member) => (line: Line) => `${JSON.stringify(line).slice(0, -1)},${member}}`,
  ),
  ...['"role":"x"', '"content":"/x"', '"content":[{"type":"tool_result"}]', '"model":"other"'].map(
    (member) => (line: Line) => JSON.stringify(line).replace('"message":{', `"message":{${member},`),
  ),
  (line) => JSON.stringify({ ...line, parentUuid: null, logicalParentUuid: uuidOf(999) }),
  (line) => JSON.stringify(line).replace('"uuid"', '"\\u0075uid"'),
  (line) => JSON.stringify({ ...line, gitBranch: 'fix' }).replace('"uuid"', '"\\u0075uid"'),
  (line) => JSON.stringify(line).replace('2.1.300', '2.1.\\u0033'),
  (line) => JSON.stringify(line).replace('"type":"user"', '"type":"us\\u0065r"'),
  ...['1e999', '-0', '12345678901234567890123456', '0.1234567890123456789012'].map(
    (cost) => (line: Line) =>
      JSON.stringify({ ...line, totalCostUSD: 1 }).replace('"totalCostUSD":1', `"totalCostUSD":${cost}`),
  ),
  (line) =>
    JSON.stringify({ ...line, message: { role: 'user', content: [] } }).replace(
      '"content":[]',
      '"content":[{"type":"text","text":"x"}],"content":[]',
    ),
  (line) => JSON.stringify(line).slice(0, -9),
  (line) => `${JSON.stringify(line)} x`,
];
const tooLongToSkim: Change = (line) =>
  JSON.stringify({ ...line, gitBranch: 'fix', more: 'x'.repeat(LineSkimmer.capacity) });

function set(key: string, values: readonly unknown[]): Change[] {
  return values.map((value) => (line) => JSON.stringify({ ...line, [key]: value }));
}

function setInMessage(key: string, values: readonly unknown[]): Change[] {
  return values.map((value) => (line) => {
    const message = line.message === undefined ? undefined : { ...(line.message as Line), [key]: value };
    return JSON.stringify({ ...line, message });
  });
}

const anyKind = fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(9) });
const anyChange = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Change>((line) => JSON.stringify(line)) },
  { weight: 1, arbitrary: fc.constantFrom(...changes, tooLongToSkim) },
);
const anyLines = fc
  .array(fc.tuple(anyKind, anyChange), { maxLength: 40 })
  .map((lines) => lines.map(([kind, change], number) => change(ordinary(number, kind))));

/** Each file a new one: to write over one that there is takes fifty times as long. */
let files = 0;

/** Reads the lines by passing over what it can, and by parsing each of them. */
function expectSame(lines: readonly string[], end = '\n'): void {
  const file = join(folder, `${files++}.jsonl`);
  const bytes = Buffer.from(lines.join('\n') + end);
  writeFileSync(file, bytes);
  const scan = new TranscriptScan(file, { once: true });
  scan.update();
  const [passed, parsed] = [summaryOf(scan.transcript), summaryOf(parseTranscript(bytes))];
  // Thousands of times: only a difference is looked at closely.
  if (JSON.stringify(passed) !== JSON.stringify(parsed))
    expect(passed, lines.join('\n').slice(0, 5000)).toEqual(parsed);
}

function summaryOf({ summary, problems, hasLooseParents }: ReturnType<typeof parseTranscript>) {
  const built = summary.build({ sessionId: '3f2a', file: '/x', bytes: 0, problems: problems.length });
  const ids = ['3f2a', '3f2b'].filter((id) => summary.names(id));
  return { built, problems, hasLooseParents, isEmpty: summary.isEmpty, ids };
}

describe('lines that are passed over', () => {
  it('are those that the summary does without', () => {
    fc.assert(
      fc.property(anyLines, fc.constantFrom('\n', ''), (lines, end) => expectSame(lines, end)),
      { numRuns: 500 },
    );
  });

  it('are not those that differ in what counts, whatever follows', { timeout: 60_000 }, () => {
    const plain = (number: number, kind: number) => JSON.stringify(ordinary(number, kind));
    const before = [plain(0, 2), plain(1, 0), plain(2, 1)];
    for (const change of changes) {
      for (let kind = 0; kind < 10; kind += 1) {
        const changed = change(ordinary(3, kind));
        for (const after of [[], [plain(4, 0)], [plain(4, 6)], [changed]]) expectSame([...before, changed, ...after]);
      }
    }
  });

  it('are none of a prompt in parts', { timeout: 60_000 }, () => {
    const picture = [{ type: 'image' }];
    const opened = [{ type: 'text', text: texts.at(-1) }];
    const contents = ['Look', picture, [{ type: 'text', text: 'Look' }], opened, [...picture, ...picture]];
    const bodies = [
      ...contents.map((content) => ({ type: 'user', message: { role: 'user', content } })),
      { type: 'progress' },
      { type: 'mode', uuid: null },
    ];
    const line = (number: number, body: Line | undefined) =>
      JSON.stringify({ ...ordinary(number, 2), timestamp: '2026-06-10T09:00:00.000Z', ...body });
    for (let number = 0; number < bodies.length ** 3; number += 1) {
      const digits = number.toString(bodies.length).padStart(3, '0');
      const lines = Array.from(digits, (digit, at) => line(at + 3, bodies[Number(digit)]));
      const before = [0, 1, 2].map((at) => JSON.stringify(ordinary(at, [2, 0, 1][at] as number)));
      for (const after of [1, 2]) expectSame([...before, ...lines, JSON.stringify(ordinary(6, after))]);
    }
  });

  it('are none while nobody has said where the session runs', () => {
    const nowhere = (number: number, kind: number) => JSON.stringify({ ...ordinary(number, kind), cwd: null });
    for (let kind = 0; kind < 10; kind += 1) {
      const said = JSON.stringify(ordinary(3, kind));
      expectSame([nowhere(0, 2), nowhere(1, 0), nowhere(2, 1), said, nowhere(4, 0)]);
    }
  });

  it('are not those around one that is too long to be skimmed', () => {
    const [before, after] = [ordinary(0, 2), ordinary(2, 0)].map((line) => JSON.stringify(line)) as [string, string];
    for (let kind = 0; kind < 10; kind += 1) expectSame([before, tooLongToSkim(ordinary(1, kind)), after]);
  });

  it('are nearly all', () => {
    const lines = Array.from({ length: 100 }, (_line, number) => JSON.stringify(ordinary(number, number % 2)));
    const skimmer = new LineSkimmer();
    skimmer.beginPassing(lines.join('\n').length);
    const filled = skimmer.buffer.write(`${lines.join('\n')}\n`);
    // The first line is read, and what it says is what the others say.
    expect(skimmer.passOver(0, filled, true)).toBe(0);
    skimmer.commitPlace(true);
    const after = skimmer.end + 1;
    // Its parent is not known here.
    expect(skimmer.passOver(after, filled, true)).toBe(after);
    const uuids = skimmer.beginPassing(1);
    skimmer.passOver(0, filled, true);
    skimmer.commitPlace(true);
    uuids.set(uuidOf(0), true);
    expect(skimmer.passOver(after, filled, true)).toBe(filled);
    expect(skimmer.passed).toEqual({
      lines: 99,
      messages: 99,
      prompts: 0,
      lastAt: '2026-06-10T09:39:00.000Z',
      openPrompt: null,
      costUsd: null,
    });
  });

  it('are found among more uuids than there is room for', () => {
    const file = join(folder, '3f2a.jsonl');
    const lines = Array.from({ length: 3000 }, (_line, number) => JSON.stringify(ordinary(number, number % 3)));
    const again = [lines[10], lines[2900]];
    const bytes = Buffer.from(`${[...lines, ...again].join('\n')}\n`);
    writeFileSync(file, bytes);
    const scan = new TranscriptScan(file, { once: true });
    scan.update();
    expect(summaryOf(scan.transcript)).toEqual(summaryOf(parseTranscript(bytes)));
    expect(scan.transcript.problems).toHaveLength(2);
    // Read again it is not taken for more of the same.
    writeFileSync(file, Buffer.concat([bytes, Buffer.from(`${lines[20]}\n`)]));
    scan.update();
    expect(scan.transcript.problems).toHaveLength(3);
  });
});
