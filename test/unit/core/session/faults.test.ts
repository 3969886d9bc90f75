import { describe, expect, it } from 'vitest';
import { parseLine } from '../../../../src/core/session/parseLine.ts';
import { parseTranscript } from '../../../../src/core/session/parseTranscript.ts';
import { TranscriptBuilder, treeOf } from '../../../support/transcript.ts';

/*
 * Faults that damage puts into a transcript, by their numbers. Those of files and folders stand in
 * test/unit/adapters/sessions/sessionFaults.test.ts, those of forks in test/unit/core/fork/.
 */

const encoder = new TextEncoder();

function builder(): TranscriptBuilder {
  const made = new TranscriptBuilder();
  made.prompt('Why does slugify drop accents?'); // u1
  made.reply('I look.', [{ id: 'call-1', result: 'const a = 1;' }]); // u2, u3, u4
  made.reply('Because it strips everything.'); // u5
  made.prompt('Fix it ☃'); // u6
  made.reply('Done.'); // u7
  return made;
}

const lines = builder().text().trimEnd().split('\n');
const all = ['u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7'];
const [l1 = '', l2 = '', l3 = '', l4 = '', l5 = '', l6 = '', l7 = ''] = lines;
const file = (...parts: string[]): string => parts.map((line) => `${line}\n`).join('');

function reading(source: string | Uint8Array) {
  const bytes = typeof source === 'string' ? encoder.encode(source) : source;
  const { entries } = parseTranscript(bytes);
  const { problems, turns } = treeOf(bytes).session;
  return {
    uuids: entries.map(({ uuid }) => uuid),
    problems: problems.map(({ line, kind }) => [line, kind]),
    details: problems.map(({ detail }) => detail).join('\n'),
    texts: entries.flatMap(({ message }) => message?.content.flatMap(({ text }) => text ?? []) ?? []),
    turns: turns.map(({ prompt }) => prompt),
  };
}

const untouched = { turns: ['Why does slugify drop accents?', 'Fix it ☃'] };
const cutInText = (line: string, text: string): [string, string] => {
  const at = line.indexOf(text) + Math.ceil(text.length / 2);
  return [line.slice(0, at), line.slice(at)];
};

describe('torn and joined lines', () => {
  it('fault 1: a torn last line is held, whatever is left of it, and read when the file has grown', () => {
    for (let length = 1; length < l7.length; length += 1) {
      const torn = reading(file(l1, l2, l3, l4, l5, l6) + l7.slice(0, length));
      expect(torn).toMatchObject({ uuids: all.slice(0, 6), problems: [[7, 'torn_line']], ...untouched });
    }
    expect(reading(file(...lines))).toMatchObject({ uuids: all, problems: [] });
  });

  it('fault 1: a character cut in two is no other fault', () => {
    const bytes = encoder.encode(file(l1) + l6.slice(0, l6.indexOf('☃') + 1));
    for (const cut of [1, 2]) expect(reading(bytes.slice(0, -cut)).problems).toEqual([[2, 'torn_line']]);
  });

  it('fault 2: a valid last line needs no line break', () => {
    expect(reading(file(...lines).trimEnd())).toMatchObject({ uuids: all, problems: [], ...untouched });
  });

  it('fault 3: a write that ran into another: both, where both can be read', () => {
    const [begin, end] = cutInText(l5, 'Because it strips everything.');
    // The second process wrote between two parts of the first one's line.
    expect(reading(file(l1, l2, l3, l4, begin + l6, end, l7))).toMatchObject({
      uuids: ['u1', 'u2', 'u3', 'u4', 'u6', 'u5', 'u7'],
      problems: [
        [5, 'spliced_records'],
        [6, 'partial'],
      ],
      texts: expect.arrayContaining(['Because it strips everything.', 'Fix it ☃']),
      ...untouched,
    });
    expect(reading(file(l1, l2, l3, l4, begin + l6 + end, l7))).toMatchObject({
      uuids: ['u1', 'u2', 'u3', 'u4', 'u6', 'u5', 'u7'],
      problems: [[5, 'spliced_records']],
      ...untouched,
    });
  });

  it('fault 3: of an overwritten record, what it said is reported with its line', () => {
    const [begin] = cutInText(l5, 'Because it strips everything.');
    const spliced = reading(file(l1, l2, l3, l4, begin + l6, l7));
    expect(spliced).toMatchObject({
      uuids: ['u1', 'u2', 'u3', 'u4', 'u6', 'u7'],
      problems: [
        [5, 'spliced_records'],
        [5, 'missing_parent'],
      ],
      ...untouched,
    });
    expect(spliced.details).toContain('1 record of it was recovered whole; not recovered: “Because it stri”.');
  });

  it('fault 3: records before and after a break in one line are found', () => {
    for (const at of [1, 20, 60, 100, l4.length - 1]) {
      const { uuids, problems } = reading(file(l1, l2 + l3 + l4.slice(0, at) + l5 + l6, l7));
      expect(uuids.filter((uuid) => uuid !== 'u4')).toEqual(['u1', 'u2', 'u3', 'u5', 'u6', 'u7']);
      expect(problems[0]).toEqual([2, 'spliced_records']);
    }
  });

  it('fault 3: a record that stands where another expects a value is found too', () => {
    const before = l5.slice(0, l5.indexOf('"message":') + '"message":'.length);
    expect(reading(file(l1, before + l6)).uuids).toEqual(['u1', 'u6']);
    const title = '{"type":"ai-title","aiTitle":"Slugs","sessionId":"session-1"}';
    const { entries } = parseTranscript(encoder.encode(file(l1, before + title)));
    expect(entries.map(({ type }) => type)).toEqual(['user', 'ai-title']);
  });

  it('fault 4: joined records are all read', () => {
    expect(reading(`${l1}${l2}${l3}\n${l4} ${l5}\n${l6}${l7}`)).toMatchObject({
      uuids: all,
      problems: [
        [1, 'joined_records'],
        [2, 'joined_records'],
        [3, 'joined_records'],
      ],
      ...untouched,
    });
  });

  it('fault 5: blocks of NUL bytes are skipped, around and inside a record', () => {
    const nul = '\0'.repeat(512);
    expect(reading(file(l1, l2, nul, nul + l3, l4 + nul, l5, l6, l7))).toMatchObject({
      uuids: all,
      problems: [
        [3, 'nul_bytes'],
        [4, 'nul_bytes'],
        [5, 'nul_bytes'],
      ],
      ...untouched,
    });
    const [begin, end] = cutInText(l6, 'Fix it ☃');
    expect(reading(file(l1, l2, l3, l4, l5, begin + nul + end, l7))).toMatchObject({ uuids: all, ...untouched });
  });

  it('fault 6: garbage between lines is skipped and counted', () => {
    const garbage = ['what is this?', '}}}', '"', '{"half', '\u0007\u0007', '<html>{}</html>'];
    const mixed = lines.flatMap((line, index) => [line, ...(garbage[index] === undefined ? [] : [garbage[index]])]);
    const { uuids, problems, turns } = reading(file(...mixed));
    expect(uuids).toEqual(all);
    expect(turns).toEqual(untouched.turns);
    expect(problems).toHaveLength(garbage.length);
    expect(problems.map(([line]) => line)).toEqual([2, 4, 6, 8, 10, 12]);
  });

  it('fault 6: garbage beside a record leaves the record', () => {
    for (const garbage of ['xyz', '{', '[', '"', '\\', '}', ',', '{"', '{"type":', 'null']) {
      for (const line of [garbage + l6, l6 + garbage]) {
        const { uuids, turns } = reading(file(l1, l2, l3, l4, l5, line, l7));
        expect([garbage, uuids, turns]).toEqual([garbage, all, untouched.turns]);
      }
    }
  });

  it('a record with one wrong byte in its text is mended and marked', () => {
    for (const wrong of ['"', '\\', '\u0001', '\\x']) {
      const [begin, end] = cutInText(l5, 'Because it strips everything.');
      const { uuids, problems, texts } = reading(file(l1, l2, l3, l4, begin + wrong + end, l6, l7));
      expect([wrong, uuids, problems]).toEqual([wrong, all, [[5, 'partial']]]);
      expect(texts.find((text) => typeof text === 'string' && text.startsWith('Because it stri'))).toMatch(
        /ps everything\.$/,
      );
    }
  });

  it('a record without its end is kept where its id can be read, and without its beginning too', () => {
    const upTo = l5.slice(0, l5.indexOf('"timestamp"') + 15);
    expect(reading(file(l1, l2, l3, l4, upTo, l6, l7))).toMatchObject({ uuids: all, problems: [[5, 'partial']] });
    const from = l5.slice(l5.indexOf('"type":"assistant"') - 30);
    const { uuids, problems, turns, details } = reading(file(l1, l2, l3, l4, from, l6, l7));
    expect({ uuids, turns }).toEqual({ uuids: all, ...untouched });
    expect(problems).toEqual([
      [5, 'partial'],
      [5, 'missing_parent'],
    ]);
    expect(details).toContain('Message u5 was read without its beginning');
  });

  it('a line that was broken in two is put together', () => {
    for (const at of [1, 30, 70, 120, 200, l5.length - 2]) {
      const { uuids, turns, problems } = reading(file(l1, l2, l3, l4, l5.slice(0, at), l5.slice(at), l6, l7));
      expect([at, uuids, turns]).toEqual([at, all, untouched.turns]);
      expect(problems.length).toBeGreaterThan(0);
    }
  });
});

describe('encodings', () => {
  it('fault 7: CRLF and blank lines are no problem', () => {
    expect(reading(`\r\n\n  \n${lines.join('\r\n\r\n')}\r\n`)).toMatchObject({
      uuids: all,
      problems: [],
      ...untouched,
    });
  });

  it('fault 8: a byte order mark is stripped, at the beginning and where files were put together', () => {
    expect(reading(`\uFEFF${file(l1, l2, l3, l4)}\uFEFF${file(l5, l6, l7)}`)).toMatchObject({
      uuids: all,
      problems: [],
      ...untouched,
    });
  });

  it('fault 9: UTF-16 is decoded in both orders, with a mark and without', () => {
    for (const mark of ['\uFEFF', '']) {
      const little = Buffer.from(mark + file(...lines), 'utf16le');
      const big = Buffer.from(little).swap16();
      for (const bytes of [little, big])
        expect(reading(new Uint8Array(bytes))).toMatchObject({ uuids: all, problems: [], ...untouched });
    }
  });

  it('fault 9: what looks like a mark of UTF-16 alone is damage of one line', () => {
    const bytes = new Uint8Array([0xff, 0xfe, ...encoder.encode(file(...lines))]);
    expect(reading(bytes)).toMatchObject({ uuids: all, ...untouched });
  });

  it('fault 10: bytes that are no UTF-8 become U+FFFD', () => {
    const bytes = encoder.encode(file(...lines));
    const at = file(l1, l2, l3, l4).length + l5.indexOf('strips');
    bytes[at] = 0xff;
    const { uuids, problems, texts } = reading(bytes);
    expect(uuids).toEqual(all);
    expect(problems).toEqual([[5, 'invalid_utf8']]);
    expect(texts).toContain('Because it \uFFFDtrips everything.');
  });

  it('fault 11: a lone surrogate is read as it was written', () => {
    const { texts, problems } = reading(file(l1.replace('drop', 'd\\ud800rop')));
    expect(problems).toEqual([]);
    expect(texts).toEqual(['Why does slugify d\ud800rop accents?']);
  });
});

describe('lines that are too much', () => {
  it('fault 12: a line of 12 MB is read like any other', () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(12_000_000) } };
    const made = new TranscriptBuilder();
    made.prompt([image, { type: 'text', text: 'What is this?' }]);
    made.reply('A slug.');
    expect(reading(made.bytes())).toMatchObject({ uuids: ['u1', 'u2'], problems: [], turns: ['What is this?'] });
  });

  it('fault 13: a line longer than a string can be is left out, and its number said', () => {
    const { entries, problems } = parseTranscript(encoder.encode(file(l1, l2 + ' '.repeat(5000), l3)), {
      maxLineBytes: 4000,
    });
    expect(entries.map(({ uuid }) => uuid)).toEqual(['u1', 'u3']);
    expect(problems).toMatchObject([{ line: 2, kind: 'too_long' }]);
  });

  it('fault 14: a record that nests too deep keeps all but its depths', () => {
    const deep = `${'{"a":['.repeat(50_000)}1${']}'.repeat(50_000)}`;
    const { uuids, problems, turns } = reading(file(l1, l2.replace('{', `{"more":${deep},`), l3, l4, l5, l6, l7));
    expect({ uuids, turns }).toEqual({ uuids: all, ...untouched });
    expect(problems).toEqual([[2, 'too_deep']]);
    expect(reading(file(l1, '['.repeat(100_000), l2)).uuids).toEqual(['u1', 'u2']);
  });

  it('costs no more than a line is long, however hostile it is', () => {
    const hostile: Record<string, (size: number) => string> = {
      'objects in objects': (size) => '{"type":'.repeat(size),
      'beginnings of records': (size) => '{"parentUuid":'.repeat(size),
      'beginnings with open texts': (size) => '{"type":"x","uuid":"'.repeat(size),
      'keys without a record': (size) => '"message":'.repeat(size),
      'a torn record and many whole ones': (size) =>
        `{"type":"${'a'.repeat(size)}${'{"type":"x","sessionId":"s"} zz '.repeat(size / 20)}`,
      'escaped quotes': (size) => `{"type":"x","uuid":"${'\\"'.repeat(size)}`,
      'small objects': (size) => '{"a":1}x'.repeat(size),
      brackets: (size) => '['.repeat(size),
    };
    for (const [name, line] of Object.entries(hostile)) {
      const time = (size: number): number => {
        const text = line(size);
        const times = [1, 2, 3].map(() => {
          const before = process.threadCpuUsage();
          parseLine(text, 1);
          return process.threadCpuUsage(before).user / 1_000;
        });
        return Math.min(...times);
      };
      // Sixteen times as long; quadratic would take 256 times as long.
      const [short, long] = [time(2_000), time(32_000)];
      expect(long, name).toBeLessThan(64 * Math.max(short, 1));
    }
  });
});

describe('records that are not what they should be', () => {
  it('fault 15: JSON that is no object is skipped', () => {
    expect(reading(file(l1, '5', 'null', '"text"', '[1,2]', l2)).problems).toEqual(
      [2, 3, 4, 5].map((line) => [line, 'not_an_object']),
    );
  });

  it('fault 15: records inside an array are read', () => {
    expect(reading(file(l1, `[${l2},${l3}]`, l4)).uuids).toEqual(['u1', 'u2', 'u3', 'u4']);
  });

  it('fault 16: an unknown type is kept as it came', () => {
    const strange = { type: 'from-the-future', sessionId: 'session-1', deep: { x: [1, null] } };
    const { entries, problems } = parseTranscript(encoder.encode(file(l1, JSON.stringify(strange))));
    expect(problems).toEqual([]);
    expect(entries[1]).toMatchObject({ type: 'from-the-future', message: null, record: strange });
  });

  it('fault 17: a message without content is there, empty', () => {
    const made = builder();
    for (const message of [undefined, null, {}, { role: 'assistant' }, { role: 'assistant', content: 7 }, 'text'])
      made.chained('assistant', { message });
    const { entries, problems } = made.parsed();
    expect(entries.slice(7).map(({ message }) => message?.content)).toEqual(Array.from({ length: 6 }, () => []));
    expect(problems.map(({ kind, line }) => [line, kind])).toEqual(
      [8, 9, 10, 11, 12, 13].map((line) => [line, 'bad_record']),
    );
  });

  it('fault 18: of a message that was written twice the first one counts', () => {
    expect(reading(file(l1, l2, l2, l3, l4, l5, l1, l6, l7))).toMatchObject({
      uuids: all,
      problems: [
        [3, 'duplicate_uuid'],
        [7, 'duplicate_uuid'],
      ],
      ...untouched,
    });
  });

  it('fault 22: names of prototypes are names like any other', () => {
    const hostile = [
      '{"type":"user","uuid":"__proto__","parentUuid":null,"__proto__":{"polluted":1},"message":{"role":"user","content":"One"}}',
      '{"type":"user","uuid":"constructor","parentUuid":"__proto__","constructor":{"prototype":{"polluted":1}},"message":{"role":"user","content":"Two"}}',
      '{"type":"assistant","uuid":"toString","parentUuid":"constructor","message":{"id":"hasOwnProperty","role":"assistant","content":[{"type":"tool_use","id":"valueOf","name":"__proto__","input":{"__proto__":{"polluted":1}}}]}}',
      `{"type":"__proto__","sessionId":"s","deep":${'['.repeat(300)}{"__proto__":{"polluted":1}}${']'.repeat(300)},"__proto__":{"polluted":1}}`,
    ];
    const { uuids, turns } = reading(file(...hostile));
    expect(uuids).toEqual(['__proto__', 'constructor', 'toString', null]);
    expect(turns).toEqual(['One', 'Two']);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

describe('chains that are none', () => {
  it('fault 19: in a cycle of parents file order takes over, with a warning', () => {
    const looped = l2.replace('"parentUuid":"u1"', '"parentUuid":"u7"');
    const itself = l6.replace('"parentUuid":"u5"', '"parentUuid":"u6"');
    expect(reading(file(l1, looped, l3, l4, l5, l6, l7))).toMatchObject({ uuids: all, ...untouched });
    expect(treeOf(encoder.encode(file(l1, looped, l3, l4, l5, l6, l7))).session.problems).toMatchObject([
      { line: 2, kind: 'parent_cycle' },
    ]);
    expect(treeOf(encoder.encode(file(l1, l2, l3, l4, l5, itself, l7))).session.problems).toMatchObject([
      { line: 6, kind: 'parent_cycle' },
    ]);
  });

  it('fault 20: where a parent is missing file order takes over, with a warning', () => {
    const { session } = treeOf(encoder.encode(file(l1, l2, l3, l4, l6, l7)));
    expect(session.problems).toMatchObject([{ line: 5, kind: 'missing_parent' }]);
    expect(session.turns.map(({ prompt, active }) => [prompt, active])).toEqual(
      untouched.turns.map((turn) => [turn, true]),
    );
  });

  it('fault 21: times that run backwards or are none change no order', () => {
    const times = [
      '2026-05-05T10:00:00.000Z',
      'yesterday',
      '',
      '1970-01-01T00:00:00.000Z',
      '9999999-01-01',
      '2020-01-01T00:00:00Z',
    ];
    const odd = lines.map((line, index) =>
      line.replace(/"timestamp":"[^"]*"/, `"timestamp":${JSON.stringify(times[index] ?? 7)}`),
    );
    const { session } = treeOf(encoder.encode(file(...odd)));
    expect(session.turns.map(({ prompt }) => prompt)).toEqual(untouched.turns);
    expect(session.turns.map(({ at }) => at)).toEqual(['2026-05-05T10:00:00.000Z', '2020-01-01T00:00:00Z']);
  });
});
