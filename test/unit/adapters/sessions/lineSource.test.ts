import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LineSource } from '../../../../src/adapters/sessions/lineSource.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'line-source-'));
  file = join(folder, 'session-1.jsonl');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The record of a line as it stands between others, as far as its message goes. */
function messageRecordOf(line: string) {
  const before = '{"type":"mode"}\n';
  writeFileSync(file, `${before}${line}\n${before}`);
  const source = new LineSource(file, statSync(file).ino);
  const [start, length] = [Buffer.byteLength(before), Buffer.byteLength(line)];
  const record = source.messageRecord(start, length);
  expect(source.record(start, length)).toEqual(JSON.parse(line));
  source.close();
  return record;
}

const message = '"message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"Größe 🙂"}]}';

describe('the record of a message', () => {
  it('is read without what Claude Code keeps of a result', () => {
    const record = messageRecordOf(
      `{"type":"user",${message},"uuid":"u1","toolUseResult":{"stdout":"1"},"isMeta":true}`,
    );
    expect(record).toEqual(JSON.parse(`{"type":"user",${message},"uuid":"u1"}`));
  });

  it.each([
    ['holds no result', `{"type":"user",${message},"uuid":"u1"}`],
    ['is a reply', '{"type":"assistant","message":{"role":"assistant","content":[]},"uuid":"u1","toolUseResult":1}'],
    [
      'says in its text what the key looks like',
      '{"type":"user","message":{"content":",\\"toolUseResult\\":1"},"uuid":"u1"}',
    ],
    ['has the key within its message', '{"type":"user","message":{"content":[{"a":1,"toolUseResult":2}]},"uuid":"u1"}'],
    ['begins with the key', `{"toolUseResult":{"type":"text"},"type":"user",${message},"uuid":"u1"}`],
    ['has its uuid behind', `{"type":"user",${message},"toolUseResult":1,"uuid":"u1"}`],
    ['has its type behind', `{${message},"uuid":"u1","toolUseResult":1,"type":"user"}`],
    ['has its message behind', `{"type":"user","uuid":"u1","toolUseResult":1,${message}}`],
    ['has a second message', `{"type":"user",${message},"uuid":"u1","toolUseResult":1,"message":{"role":"user"}}`],
    ['has a second uuid', `{"type":"user",${message},"uuid":"u1","toolUseResult":1,"uuid":"u2"}`],
    ['has a second type', `{"type":"user",${message},"uuid":"u1","toolUseResult":1,"type":"assistant"}`],
  ])('is whole where it %s', (_, line) => {
    expect(messageRecordOf(line)).toEqual(JSON.parse(line));
  });
});
