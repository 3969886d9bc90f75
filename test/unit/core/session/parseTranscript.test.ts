import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTranscript } from '../../../../src/core/session/parseTranscript.ts';
import { TranscriptBuilder, treeOf } from '../../../support/transcript.ts';

const encoder = new TextEncoder();
const bytes = (text: string): Uint8Array => encoder.encode(text);
const record = (uuid: string, more: object = {}): string =>
  JSON.stringify({
    type: 'user',
    uuid,
    parentUuid: null,
    sessionId: 's',
    message: { role: 'user', content: `text of ${uuid}` },
    ...more,
  });

function read(source: string | Uint8Array): { uuids: (string | null)[]; problems: [number, string][] } {
  const { entries, problems } = parseTranscript(typeof source === 'string' ? bytes(source) : source);
  return {
    uuids: entries.map((entry) => entry.uuid),
    problems: problems.map((problem) => [problem.line, problem.kind]),
  };
}

describe('parseTranscript', () => {
  it.each<[string, string, string[], [number, string][]]>([
    ['an empty file', '', [], []],
    ['blank lines and CRLF', `\r\n${record('a')}\r\n\n${record('b')}\r\n`, ['a', 'b'], []],
    ['a byte order mark', `\uFEFF${record('a')}\n`, ['a'], []],
    ['a last line without a line break', `${record('a')}\n${record('b')}`, ['a', 'b'], []],
    ['a torn last line', `${record('a')}\n${record('b').slice(0, -20)}`, ['a'], [[2, 'torn_line']]],
    ['a torn line in the middle', `${record('a').slice(0, -5)}\n${record('b')}\n`, ['a', 'b'], [[1, 'partial']]],
    [
      'a torn line without a readable id',
      `${record('a').slice(0, 14)}\n${record('b')}\n`,
      ['b'],
      [[1, 'invalid_json']],
    ],
    [
      'garbage',
      'what is this?\n{"x"\n',
      [],
      [
        [1, 'invalid_json'],
        [2, 'invalid_json'],
      ],
    ],
    [
      'values that are no records',
      '5\n[1]\n"x"\nnull\n',
      [],
      [
        [1, 'not_an_object'],
        [2, 'not_an_object'],
        [3, 'not_an_object'],
        [4, 'not_an_object'],
      ],
    ],
    ['a record without a type', '{"uuid":"a"}\n', [], [[1, 'bad_record']]],
    [
      'two records in one line',
      `${record('a')}${record('b')}\n${record('c')}\n`,
      ['a', 'b', 'c'],
      [[1, 'joined_records']],
    ],
    [
      'a record that another one overwrote',
      `${record('a').slice(0, 18)}${record('b')}\n${record('c')}\n`,
      ['b', 'c'],
      [[1, 'spliced_records']],
    ],
    [
      'a record inside another',
      `${record('a').slice(0, 60)}${record('b')}${record('a').slice(60)}\n`,
      ['b', 'a'],
      [[1, 'spliced_records']],
    ],
    ['NUL bytes before a record', `\0\0\0${record('a')}\n`, ['a'], [[1, 'nul_bytes']]],
    ['a block of NUL bytes', `${record('a')}\n\0\0\0\n${record('b')}\n`, ['a', 'b'], [[2, 'nul_bytes']]],
    ['a uuid that was written twice', `${record('a')}\n${record('a')}\n`, ['a'], [[2, 'duplicate_uuid']]],
    ['an unknown type', '{"type":"from-the-future","uuid":"a","x":1}\n', ['a'], []],
  ])('reads %s', (_name, source, uuids, problems) => {
    expect(read(source)).toEqual({ uuids, problems });
  });

  it('keeps unknown records whole', () => {
    const [entry] = parseTranscript(bytes('{"type":"from-the-future","deep":{"x":[1]}}\n')).entries;
    expect(entry).toMatchObject({ type: 'from-the-future', message: null, record: { deep: { x: [1] } } });
  });

  it('does not take a block of a torn record for a record', () => {
    const torn = '{"type":"user","message":{"role":"user","content":[{"type":"text","text":"hello","citations":null}';
    expect(read(`${torn}\n${record('b')}\n`)).toEqual({ uuids: ['b'], problems: [[1, 'invalid_json']] });
  });

  it('puts an empty message where the content is missing or of another kind', () => {
    const { entries, problems } = parseTranscript(
      bytes(
        '{"type":"user","uuid":"a"}\n{"type":"assistant","uuid":"b","message":{"role":"assistant","content":[7,{"type":"text","text":"x"}]}}\n',
      ),
    );
    expect(entries.map((entry) => entry.message?.content)).toEqual([[], [{ type: 'text', text: 'x' }]]);
    expect(problems.map((problem) => problem.kind)).toEqual(['bad_record', 'bad_record']);
  });

  it('reads UTF-16 with its mark, and replaces bytes that are no UTF-8', () => {
    expect(read(new Uint8Array(Buffer.from(`\uFEFF${record('a')}\n${record('b')}\n`, 'utf16le')))).toEqual({
      uuids: ['a', 'b'],
      problems: [],
    });
    const broken = Buffer.concat([
      Buffer.from(record('a').slice(0, -3)),
      Buffer.from([0xff, 0xfe]),
      Buffer.from(`${record('a').slice(-3)}\n`),
    ]);
    expect(read(new Uint8Array(broken))).toEqual({ uuids: ['a'], problems: [[1, 'invalid_utf8']] });
  });

  it('cuts off what nests too deep, and skips what is too long', () => {
    const deep = record('a', { x: 0 }).replace('"x":0', `"x":${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    const { entries: kept, problems: noted } = parseTranscript(bytes(`${deep}\n${record('b')}\n`));
    expect(kept.map(({ message }) => message?.content)).toEqual([
      [{ type: 'text', text: 'text of a' }],
      [{ type: 'text', text: 'text of b' }],
    ]);
    expect(noted).toMatchObject([{ line: 1, kind: 'too_deep' }]);
    expect(JSON.stringify(kept[0]?.record).length).toBeLessThan(1000);
    const wide = `{"type":"x","uuid":"a","list":[${Array.from({ length: 500 }, () => '{"y":[]}').join(',')}]}`;
    expect(read(`${wide}\n`)).toEqual({ uuids: ['a'], problems: [] });
    const { entries, problems } = parseTranscript(bytes(`${record('long')}\n${record('b')}\n`), {
      maxLineBytes: record('b').length,
    });
    expect(entries.map((entry) => entry.uuid)).toEqual(['b']);
    expect(problems).toMatchObject([{ line: 1, kind: 'too_long' }]);
  });

  it('is not polluted by the names of prototypes', () => {
    const { entries } = parseTranscript(
      bytes('{"type":"user","uuid":"__proto__","__proto__":{"polluted":1},"message":{"role":"user","content":"x"}}\n'),
    );
    expect(entries).toHaveLength(1);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

function sample(): Uint8Array {
  const builder = new TranscriptBuilder();
  const first = builder.prompt('Why does slugify drop accents?');
  builder.reply('Because it strips everything.', [{ id: 't1' }, { id: 't2', result: 'two' }]);
  builder.prompt([{ type: 'text', text: 'Fix it ☃' }]);
  builder.reply('Done.');
  builder.goTo(first);
  builder.prompt('Try a regex');
  builder.reply(null, [{ id: 't3', name: 'Bash', result: null }]);
  builder.unchained('last-prompt', { leafUuid: builder.last });
  return builder.bytes();
}

describe('damage', () => {
  const whole = sample();

  it('never makes the parser or the tree throw', () => {
    const edit = fc.record({ at: fc.nat(whole.length), drop: fc.nat(80), insert: fc.uint8Array({ maxLength: 12 }) });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), (edits) => {
        let damaged: Uint8Array = whole;
        for (const { at, drop, insert } of edits) {
          const start = Math.min(at, damaged.length);
          damaged = new Uint8Array([...damaged.subarray(0, start), ...insert, ...damaged.subarray(start + drop)]);
        }
        const { session } = treeOf(damaged);
        expect(session.turns.length).toBe(session.summary.turns);
        for (const turn of session.turns) expect(session.turns[turn.index - 1]).toBe(turn);
      }),
    );
  });

  it('never makes it throw on anything at all', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.json().map(bytes), fc.string().map(bytes)),
        (any) => void treeOf(any),
      ),
    );
  });

  it('reads of every beginning of a file the beginning of what it reads of the whole', () => {
    const all = read(whole).uuids;
    fc.assert(
      fc.property(fc.nat(whole.length), (length) => {
        const { uuids, problems } = read(whole.slice(0, length));
        expect(uuids).toEqual(all.slice(0, uuids.length));
        expect(problems.every(([, kind]) => kind === 'torn_line')).toBe(true);
      }),
    );
  });
});
