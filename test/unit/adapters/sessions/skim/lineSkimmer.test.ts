import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyNumber, LineSkimmer } from '../../../../../src/adapters/sessions/skim/lineSkimmer.ts';
import { recordKeys } from '../../../../../src/core/session/recordTable.ts';

const skimmer = new LineSkimmer();

/** Skims a line that stands somewhere in the buffer, between other bytes. Null where it is refused. */
function skim(line: string, { at = 0, behind = '\n' } = {}): Map<number, string | number | null> | null {
  const { buffer } = skimmer;
  // What stands around a line must not count: here it would be wrong in any string.
  buffer.fill('\\x"', 0, at + 2000);
  const bytes = Buffer.from(line);
  bytes.copy(buffer, at);
  buffer.write(behind, at + bytes.length, 'latin1');
  const end = skimmer.skim(at, at + bytes.length + behind.length);
  if (end < 0) return null;
  expect(end).toBe(at + bytes.length);
  return new Map(
    Array.from({ length: skimmer.count }, (_member, member) => [
      skimmer.key(member),
      skimmer.text(member) ?? skimmer.number(member),
    ]),
  );
}

function parse(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
}

/** What makes trouble inside a string, in lengths that put it before, on and behind the borders of 16 and 64 bytes. */
const piece = fc.oneof(
  { weight: 4, arbitrary: fc.nat(140).map((length) => 'x'.repeat(length)) },
  { weight: 4, arbitrary: fc.nat(140).map((length) => '\\'.repeat(length)) },
  { weight: 4, arbitrary: fc.constantFrom('\\n', '\\"', '\\\\', '\\/', '\\b\\f\\r\\t', '\\u00e9', '\\uD83D\\uDE00') },
  { weight: 2, arbitrary: fc.constantFrom('é', '👩‍👩‍👧', '\u2028', '{"type":"x"}'.replaceAll('"', '\\"')) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('"', '\u0000', '\u001f', '\t', '\\x', '\\u00g0', '\\u12"4', '\\U0041', '\\1'),
  },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }).map((byte) => `\\${String.fromCharCode(byte)}`) },
);
const literal = fc.array(piece, { maxLength: 6 }).map((pieces) => `"${pieces.join('')}"`);

describe('a line that is skimmed', () => {
  it('is accepted just where JSON.parse accepts it, with the same texts', () => {
    let accepted = 0;
    fc.assert(
      fc.property(literal, literal, fc.nat(70), (type, uuid, at) => {
        const line = `{"type":${type},"other":[${uuid}],"uuid":${uuid}}`;
        const parsed = parse(line);
        const found = skim(line, { at });
        if (parsed === null) {
          expect(found).toBeNull();
          return;
        }
        accepted += 1;
        expect([found?.get(keyNumber('type')), found?.get(keyNumber('uuid'))]).toEqual([parsed.type, parsed.uuid]);
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });

  it.each([
    '0',
    '-0',
    '12',
    '-1.5e+3',
    '0.1',
    '1E9',
    '01',
    '-',
    '1.',
    '.5',
    '1e',
    '+1',
    'truex',
    'nul',
    'NaN',
    '{',
    ']',
  ])('takes %s for a value where JSON.parse does', (value) => {
    const line = `{"type":"x","input_tokens":${value}}`;
    const found = skim(line);
    const parsed = parse(line);
    expect(found?.get(keyNumber('input_tokens')) ?? null).toBe(parsed === null ? null : parsed.input_tokens);
    expect(found === null).toBe(parsed === null);
  });

  it('may hold the escapes that JSON has, and no other', () => {
    for (const padding of ['', 'x'.repeat(62), 'x'.repeat(63), 'x'.repeat(100)]) {
      for (let code = 0x20; code < 0x7f; code += 1) {
        const escape = String.fromCharCode(code);
        // Behind some of them the string is not closed.
        const line = `{"uuid":"${padding}\\${escape}${escape === '"' ? '"' : ''}","type":"x"}`;
        expect(skim(line)?.get(keyNumber('uuid')) ?? null, line).toBe(parse(line)?.uuid ?? null);
      }
      for (const digits of ['g0aF', '0gaF', '00gF', '00ag']) {
        expect(skim(`{"uuid":"${padding}\\u${digits}"}`), digits).toBeNull();
      }
      expect(skim(`{"uuid":"${padding}\\u00aF"}`)?.get(keyNumber('uuid'))).toBe(`${padding}\u00af`);
    }
  });

  it('is understood whatever keys came in the lines before, and in whatever order', () => {
    // Keys that nobody asks for, alike and as long as they get, stand between those that are noted.
    const others = [
      '',
      'typ',
      'types',
      'Type',
      'uuid ',
      'promptId',
      'sourceToolAssistantUUIDs',
      'k'.repeat(30),
      'k'.repeat(31),
    ];
    const names = [...recordKeys.slice(0, 12), 'sourceToolAssistantUUID', ...others, 'k'.repeat(90)];
    const keys = fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 8 });
    const spaces = fc.constantFrom('', ' ');
    fc.assert(
      fc.property(fc.array(fc.tuple(keys, spaces, fc.nat(9)), { minLength: 2, maxLength: 12 }), (lines) => {
        for (const [line, space, cut] of lines) {
          const members = line.map((key, at) => [key, at] as const);
          const text = `{${members.map(([key, at]) => `"${key}"${space}:${at}`).join(`,${space}`)}}`;
          const noted = members.filter(([key]) => recordKeys.includes(key));
          expect(skim(text)).toEqual(new Map(noted.map(([key, at]) => [keyNumber(key), at])));
          // What stands behind the end is of another line, even where it is what was expected.
          skimmer.buffer.write(text, 0);
          expect(skimmer.skim(0, Math.max(0, text.length - 1 - cut))).toBe(-1);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is refused where it goes on behind what is there', () => {
    const line = `{"type":"${'x'.repeat(200)}\\n"}`;
    for (let length = 1; length < line.length; length += 1)
      expect(skim(line.slice(0, length), { behind: '' }), `after ${length} bytes`).toBeNull();
    expect(skim(line, { behind: '' })?.get(keyNumber('type'))).toBe(`${'x'.repeat(200)}\n`);
  });

  it('says anew what a key holds when that has changed, however little', () => {
    const texts = [
      'a',
      'b',
      'b',
      'ab',
      `${'x'.repeat(119)}a`,
      `${'x'.repeat(119)}b`,
      'x'.repeat(16),
      'x'.repeat(17),
      '',
    ];
    for (const text of [...texts, ...texts]) expect(skim(`{"uuid":"${text}"}`)?.get(keyNumber('uuid'))).toBe(text);
  });
});
