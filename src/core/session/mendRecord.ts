import type { Json } from '../canonicalJson.ts';
import { followObject } from './brokenLine.ts';
import { type JsonRecord, parseRecord, recordField, textField } from './jsonRecord.ts';

/** A record with more broken places than this is given up. */
const maxMends = 6;
/** In longer ones only what is most often wrong is tried: each try reads the record again. */
const longestWithAllMends = 65_536;
/** A mend that gets the reader less far than this did not hit the fault. */
const leastProgress = 8;
const unreadable = '\uFFFD';

/** The text with `length` characters at `at` replaced. */
function replaced(text: string, at: number, length: number, by: string): string {
  return text.slice(0, at) + by + text.slice(at + length);
}

/** What may have gone wrong where a record stops being JSON, as texts in which it didn't. The likeliest come first. */
function* mendsAt(text: string, at: number): Generator<string> {
  const before = text.slice(0, at).trimEnd().length - 1;
  // A quote inside a text, which reads as its end; a character that no text may hold; one that stands nowhere.
  yield replaced(text, before, 1, '');
  yield replaced(text, before, 1, unreadable);
  yield replaced(text, at, 1, '');
  yield replaced(text, at, 1, unreadable);
  if (text.length > longestWithAllMends) return;
  // One that was lost or turned into another.
  for (const lost of ['"', ',', ':', '}', ']']) {
    yield replaced(text, at, 1, lost);
    yield replaced(text, at, 0, lost);
  }
  // The end of a text or a key, which then ran on to the next quote.
  const comma = text.lastIndexOf(',"', at);
  const brackets = /[}\]]*$/.exec(text.slice(Math.max(0, comma - 20), comma))?.[0].length ?? 0;
  for (const end of [comma, comma - brackets, text.lastIndexOf(':', at - 1)])
    if (end > 0) yield replaced(text, end, 0, '"');
  for (const lost of [']', '}']) if (comma > 0) yield replaced(text, comma, 0, lost);
  const quote = text.lastIndexOf('"', before - 1);
  if (quote > 0) {
    yield replaced(text, quote, 1, '');
    yield replaced(text, quote, 0, '{');
  }
  // The end of the message, so that the record's own members seem to be part of it.
  const own = text.lastIndexOf(',"uuid":');
  if (own > 0 && at === text.length) for (const end of ['}', ']}', '}]}', '"}]}']) yield replaced(text, own, 0, end);
  // A number or a name that is none.
  yield replaced(text, at, /[^,\]}]*/.exec(text.slice(at, at + 40))?.[0].length ?? 0, 'null');
}

/** How many characters are left behind the place where the object breaks off or ends too early. */
function leftIn(text: string): { at: number; left: number } {
  const at = followObject(text);
  return { at, left: text.length - at };
}

const wholeId = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;

/** Member of a block that holds what it says. */
const saidIn: ReadonlyMap<string, string> = new Map([
  ['text', 'text'],
  ['thinking', 'thinking'],
  ['tool_use', 'input'],
  ['tool_result', 'content'],
]);

/** Whether it is what a message may say: a text, or blocks that are what they should be. */
function isContent(content: Json | undefined): boolean {
  if (!Array.isArray(content)) return typeof content === 'string';
  return content.every((block) => {
    const type = textField(block as JsonRecord | null, 'type');
    const member = saidIn.get(type ?? '');
    return type !== null && (member === undefined || (block as JsonRecord)[member] !== undefined);
  });
}

/** How much of what makes a record was read: a mend in the wrong place may make it JSON and cost it its id. */
function worth(record: JsonRecord): number {
  const ids = [record.uuid, record.parentUuid].filter((id) => typeof id === 'string');
  const says = isContent(recordField(record, 'message')?.content) ? 5 : 0;
  return (typeof record.uuid === 'string' ? 10 : 0) + says + ids.filter((id) => wholeId.test(id)).length;
}

/**
 * A record that is broken in a few places, with these mended: what can't stand where it stands is left out or replaced by
 * U+FFFD, and punctuation that is missing is put in.
 * @param text from the record's opening brace to its end
 * @returns null where that doesn't make it JSON
 */
export function mendRecord(text: string): JsonRecord | null {
  let source = text.trimEnd();
  let here = leftIn(source);
  for (let mends = 0; mends < maxMends; mends += 1) {
    let best: { source: string; at: number; left: number } | null = null;
    let mended: JsonRecord | null = null;
    for (const candidate of mendsAt(source, here.at)) {
      const record = parseRecord(candidate);
      if (record !== null && typeof record.type === 'string') {
        if (mended === null || worth(record) > worth(mended)) mended = record;
        continue;
      }
      const there = leftIn(candidate);
      if (there.left + leastProgress <= (best?.left ?? here.left)) best = { source: candidate, ...there };
    }
    if (mended !== null) return mended;
    if (best === null) return null;
    source = best.source;
    here = best;
  }
  return null;
}
