import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { byteNeedle } from '../../../../src/core/search/byteNeedle.ts';
import { foldCase } from '../../../../src/core/search/foldCase.ts';
import { GramSet } from '../../../../src/core/search/gramsOf.ts';
import { searchableTexts } from '../../../../src/core/search/searchableTexts.ts';
import { searchRecord } from '../../../../src/core/search/searchRecord.ts';
import { TextMatcher } from '../../../../src/core/search/textMatcher.ts';

const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...Array.from('aAkKéÉςσΣİıßẞжЖ\u212aå\u212b"\\\n日🦀 ')),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
});
const query = text.filter((value) => value.trim() !== '');

describe('letters whatever their case', () => {
  test('a text stays as long as it is', () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(foldCase(value)).toHaveLength(value.length);
      }),
    );
  });

  test('what a text is folded to doesn’t depend on where it stands', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(foldCase(a + b)).toBe(foldCase(a) + foldCase(b));
      }),
    );
  });

  test.each([
    ['slug', 'a SLUG', 2],
    ['Slug', 'a SLUG', -1],
    ['σας', 'ΣΑΣ', -1],
    ['σασ', 'ΣΑΣ', 0],
    ['école', 'ÉCOLE', 0],
  ])('%s in %s', (wanted, value, place) => {
    expect(new TextMatcher(wanted).indexIn(value)).toBe(place);
  });
});

function standsIn(bytes: Uint8Array, needle: NonNullable<ReturnType<typeof byteNeedle>>): boolean {
  for (let at = 0; at + needle.bytes.length <= bytes.length; at += 1) {
    if (needle.bytes.every((byte, index) => ((bytes[at + index] ?? 0) | (needle.masks[index] ?? 0)) === byte))
      return true;
  }
  return false;
}

describe('what is compared before a line is parsed', () => {
  test('stands in the written line wherever the text holds the query', () => {
    fc.assert(
      fc.property(text, query, text, fc.func(fc.boolean()), (before, wanted, after, upper) => {
        const matcher = new TextMatcher(wanted);
        const shown = matcher.ignoresCase
          ? Array.from(wanted, (char) => (upper(char) ? char.toUpperCase() : char)).join('')
          : wanted;
        const value = before + shown + after;
        fc.pre(matcher.indexIn(value) >= 0);
        const needle = byteNeedle(wanted, matcher.ignoresCase);
        if (needle !== null) expect(standsIn(new TextEncoder().encode(JSON.stringify({ value })), needle)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('leaves out only what is certain', () => {
    expect(byteNeedle('slug', true)?.bytes).toHaveLength(4);
    expect(byteNeedle('a"b', false)?.bytes).toEqual(new TextEncoder().encode('a\\"b'));
    // A capital of another length: only the part beside it is certain.
    expect(byteNeedle('ßab', true)?.bytes).toHaveLength(2);
  });
});

describe('grams', () => {
  test('a text has all grams of whatever it holds', () => {
    fc.assert(
      fc.property(text, query, text, (before, wanted, after) => {
        expect(gramsOf(before + wanted + after)).toEqual(expect.arrayContaining(gramsOf(wanted)));
      }),
    );
  });

  test('are forgotten once they are taken', () => {
    const grams = new GramSet();
    grams.add('abc');
    expect(grams.takeWords()).toHaveLength(1);
    expect(grams.takeWords()).toHaveLength(0);
  });
});

function gramsOf(value: string): string[] {
  const grams = new GramSet();
  grams.add(value);
  return grams.takeWords();
}

const line = (record: object) => ({ uuid: 'u1', timestamp: '2026-06-01T00:00:00.000Z', ...record });

describe('what of a record is searched', () => {
  test.each([
    ['a prompt', { type: 'user', message: { role: 'user', content: 'Find me' } }, ['prompt']],
    ['a prompt in blocks', { type: 'user', message: { content: [{ type: 'text', text: 'Find me' }] } }, ['prompt']],
    ['a reply', { type: 'assistant', message: { content: [{ type: 'text', text: 'find me' }] } }, ['reply']],
    [
      'thinking',
      { type: 'assistant', message: { content: [{ type: 'thinking', thinking: 'find me' }] } },
      ['thinking'],
    ],
    [
      'an input',
      { type: 'assistant', message: { content: [{ type: 'tool_use', name: 'Edit', input: { a: ['find me'] } }] } },
      ['tool input'],
    ],
    [
      'a result',
      { type: 'user', message: { content: [{ type: 'tool_result', content: 'find me' }] } },
      ['tool result'],
    ],
    [
      'a result in blocks',
      { type: 'user', message: { content: [{ type: 'tool_result', content: [{ type: 'text', text: 'find me' }] }] } },
      ['tool result'],
    ],
    [
      'output of a command that the person ran',
      { type: 'user', message: { content: '<bash-stdout>find me</bash-stdout>' } },
      ['tool result'],
    ],
    ['a picture', { type: 'user', message: { content: [{ type: 'image', source: { data: 'find me' } }] } }, []],
    ['a reminder', { type: 'user', message: { content: '<system-reminder>find me</system-reminder>' } }, []],
    ['a line for the model', { type: 'user', isMeta: true, message: { content: 'find me' } }, []],
    ['a summary of a compaction', { type: 'user', isCompactSummary: true, message: { content: 'find me' } }, []],
    ['an attachment', { type: 'attachment', attachment: { content: 'find me' } }, []],
    ['the request log', { type: 'api-request-blob', message: { content: 'find me' } }, []],
    ['no message at all', { type: 'user', message: null }, []],
    ['a copy for Claude Code’s own screen', { type: 'user', message: { content: 'x' }, toolUseResult: 'find me' }, []],
  ])('%s', (_name, record, kinds) => {
    const found = searchRecord(line(record) as never, 7, new TextMatcher('find me'));
    expect(found.map(({ kind }) => kind)).toEqual(kinds);
    for (const hit of found) expect(hit).toMatchObject({ uuid: 'u1', line: 7, at: '2026-06-01T00:00:00.000Z' });
  });

  test('names the tool of an input and the call of a result', () => {
    const [input] = searchableTexts(
      line({
        type: 'assistant',
        message: { content: [{ type: 'tool_use', id: 'c', name: 'Edit', input: {} }] },
      }) as never,
    );
    expect(input?.tool).toBe('Edit');
    const [result] = searchableTexts(
      line({ type: 'user', message: { content: [{ type: 'tool_result', tool_use_id: 'c', content: '' }] } }) as never,
    );
    expect(result?.toolUseId).toBe('c');
  });

  test('strings of an input are apart: nothing is found across two', () => {
    const record = line({
      type: 'assistant',
      message: { content: [{ type: 'tool_use', name: 'E', input: { a: 'one', b: 'two' } }] },
    });
    expect(searchRecord(record as never, 1, new TextMatcher('onetwo'))).toEqual([]);
  });
});

describe('the snippet', () => {
  const snippetOf = (value: string, wanted: string) => {
    const record = line({ type: 'user', message: { content: value } });
    const [found] = searchRecord(record as never, 1, new TextMatcher(wanted));
    return { snippet: found?.snippet ?? '', marked: found?.ranges.map(([from, to]) => found.snippet.slice(from, to)) };
  };

  test('shows every match in its line of text', () => {
    const { snippet, marked } = snippetOf(`${'x '.repeat(100)}Slug and\n\n\tslug${' y'.repeat(200)}`, 'slug');
    expect(snippet).toMatch(/^…(x )+Slug and slug( y)+…$/);
    expect(marked).toEqual(['Slug', 'slug']);
    expect(snippet.length).toBeLessThan(190);
  });

  test('is inert', () => {
    const { snippet, marked } = snippetOf('\u001b[31m\u202eslug\u0007\u200b!', 'slug');
    expect(snippet).toBe('[31mslug!');
    expect(marked).toEqual(['slug']);
  });

  test('marks a match that spans lines', () => {
    expect(snippetOf('one\n  two', 'one\n  two')).toEqual({ snippet: 'one two', marked: ['one two'] });
  });

  test('is well-formed where it cuts a pair in two', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(140), (before, after) => {
        const { snippet } = snippetOf(`${'🦀'.repeat(before)}a${'🦀'.repeat(after)}`.slice(1), 'a');
        expect(snippet.isWellFormed()).toBe(true);
      }),
    );
  });
});
