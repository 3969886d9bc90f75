import { describe, expect, it } from 'vitest';
import { parseLine } from '../../../../src/core/session/parseLine.ts';

/** A chained record as Claude Code orders its members: what it says comes before its id. */
const chained = (uuid: string, text: string) =>
  JSON.stringify({
    parentUuid: '00000000-0000-4000-8000-000000000000',
    isSidechain: false,
    type: 'assistant',
    message: {
      id: 'msg_1',
      role: 'assistant',
      model: 'm',
      content: [{ type: 'text', text }],
      usage: { input_tokens: 1234 },
    },
    uuid,
    timestamp: '2026-01-01T10:00:00.000Z',
    sessionId: 's',
  });
const id = '11111111-1111-4111-8111-111111111111';
const other = '22222222-2222-4222-8222-222222222222';
const line = chained(id, 'Because it strips everything.');
const read = (text: string, unfinished = false, carried: string | null = null) => {
  const { records, problems, head } = parseLine(text, 7, unfinished, carried);
  return {
    uuids: records.map(({ uuid }) => uuid),
    kinds: problems.map(({ kind }) => kind),
    detail: problems.map(({ detail }) => detail).join('\n'),
    records,
    head,
  };
};
const textOf = (record: unknown) =>
  (record as { message?: { content?: { text?: string }[] } } | undefined)?.message?.content?.[0]?.text;

describe('one damaged place anywhere in a record', () => {
  const places = Array.from({ length: line.length - 1 }, (_, index) => index + 1);
  const inId = (at: number) => [line.indexOf(id), line.indexOf('00000000')].some((from) => at > from && at < from + 36);

  it.each([
    ['a quote too many', (at: number) => `${line.slice(0, at)}"${line.slice(at)}`],
    ['a control character', (at: number) => `${line.slice(0, at)}\u0007${line.slice(at)}`],
    ['NUL bytes', (at: number) => `${line.slice(0, at)}\0\0\0${line.slice(at)}`],
  ])('%s: the record is there, with its id', (_name, damage) => {
    for (const at of places) expect([at, read(damage(at)).uuids]).toEqual([at, [id]]);
  });

  it('a line break: the next line puts the record together', () => {
    for (const at of places) {
      const first = read(line.slice(0, at));
      const second = read(line.slice(at), false, first.head);
      expect([at, [...first.uuids, ...second.uuids]]).toEqual([at, [id]]);
    }
  });

  it('a character that is lost: the record is there with its id and its text, but for a bracket here and there', () => {
    const lost = places.filter((at) => {
      const { uuids, records, kinds } = read(line.slice(0, at) + line.slice(at + 1));
      // A letter less in a key or a text is JSON like any other.
      return kinds.length > 0 && !inId(at) && (uuids[0] !== id || textOf(records[0]) === undefined);
    });
    expect(lost.map((at) => line[at]).join('')).toMatch(/^[[{]{0,2}$/);
  });

  it('another write in its place: that one whole, this one if nothing of it is missing', () => {
    const second = chained(other, 'Fix it');
    for (const at of places) {
      const { uuids, kinds } = read(line.slice(0, at) + second + line.slice(at));
      expect([at, new Set(uuids), kinds]).toEqual([at, new Set([id, other]), ['spliced_records']]);
    }
  });

  it('a record that breaks off: no half of an id, a time or a number', () => {
    for (const at of places) {
      const { records, head, kinds } = read(line.slice(0, at));
      expect(kinds).toEqual([records.length === 1 ? 'partial' : 'invalid_json']);
      for (const record of records) {
        expect(record).toMatchObject({ uuid: id, message: { usage: { input_tokens: 1234 } } });
        for (const key of ['timestamp', 'sessionId'])
          if (key in record) expect(record[key]).toBe((JSON.parse(line) as typeof record)[key]);
      }
      if (records.length === 0 && at > '{"parentUuid":'.length) expect(head).toBe(line.slice(0, at));
    }
  });
});

describe('what is said of it', () => {
  it('names what was kept and the beginning of what was not', () => {
    const torn = line.slice(0, line.indexOf('strips'));
    expect(read(torn).detail).toBe('The line is not valid JSON; it was skipped. Not recovered: “Because it”.');
    expect(read(torn + chained(other, 'Fix it')).detail).toBe(
      'Another write runs into this line. 1 record of it was recovered whole; not recovered: “Because it”.',
    );
    expect(read(line.replace('strips', 'str"ips')).detail).toBe(
      `The line is damaged. Message ${id} was mended where it is damaged.`,
    );
  });

  it('stays short, whatever the line holds', () => {
    const { detail } = read('{"type":"x","uuid":"'.repeat(1_000) + 'z'.repeat(100_000));
    expect(detail.length).toBeLessThan(2_000);
    expect(detail).toContain('more pieces like these');
  });
});

describe('a last line that may still be being written', () => {
  it('keeps only what is whole, and is quiet about the rest', () => {
    for (const text of [line.slice(0, 200), `${line}${line.slice(0, 30)}`, `${line.slice(0, -1)}`]) {
      const { uuids, kinds, detail } = read(text, true);
      expect(uuids).toEqual(text.startsWith(line) ? [id] : []);
      expect([kinds, detail]).toEqual([
        ['torn_line'],
        'The last line is not complete; it is read again when the file grows.',
      ]);
    }
  });
});

it('a message whose record lost its type has it from its role', () => {
  const { records, kinds } = read(line.replace('"type":"assistant"', '"tYpe":"assistant"'));
  expect(records).toMatchObject([{ type: 'assistant', uuid: id }]);
  expect(kinds).toEqual(['partial']);
});

it('parts of a record are no records', () => {
  const nested =
    '{"type":"progress","data":{"message":{"type":"user","uuid":"nested","message":{"role":"user","content":"x"}}';
  expect(read(`${nested},"more`).uuids).toEqual([]);
  expect(read('{"type":"text","text":"a"},{"type":"text","text":"b"}]},"x').records).toEqual([]);
});
