import { describe, expect, it } from 'vitest';
import { fileTimes, unchangedSince } from '../../../../src/core/agent/fileTimes.ts';

const file = '/home/sam/app/a.txt';
const second = (at: number) => new Date(at * 1000).toISOString();
const call = (id: string, name: string, path: string, at: number) =>
  JSON.stringify({
    type: 'assistant',
    cwd: '/home/sam/app',
    timestamp: second(at),
    message: { content: [{ type: 'tool_use', id, name, input: { file_path: path } }] },
  });
const result = (id: string, at: number, toolUseResult: unknown, isError = false) =>
  JSON.stringify({
    type: 'user',
    timestamp: second(at),
    message: { content: [{ type: 'tool_result', tool_use_id: id, content: 'x', is_error: isError }] },
    toolUseResult,
  });
const read = (content: string, startLine = 1) => ({ type: 'text', file: { filePath: file, content, startLine } });
const since = (text: string, ...lines: string[]) => {
  const at = unchangedSince(Buffer.from(text), fileTimes(lines).touches.get(file));
  return at === null ? null : at / 1000;
};

describe('since when a file is as it is', () => {
  const first = [call('c1', 'Read', file, 10), result('c1', 11, read('one\ntwo\nthree'))];
  const again = [call('c2', 'Read', 'a.txt', 20), result('c2', 21, read('two', 2))];
  const edit = [call('c3', 'Edit', file, 15), result('c3', 16, { filePath: file })];

  it('is since it was read first with what it holds, or was written', () => {
    expect(since('one\r\ntwo\r\nthree\r\n', ...first, ...again)).toBe(11);
    expect(since('one\ntwo\n3\n', ...first, ...again)).toBe(21);
    expect(since('one\ntwo\n3\n', ...first, ...edit, ...again)).toBe(16);
    expect(since('\uFEFFone\ntwo\nthree\n', ...first)).toBe(11);
  });

  it('is not known where something else was read last, or nothing was', () => {
    expect(since('one\n2\n', ...first, ...again)).toBeNull();
    expect(since('one\n')).toBeNull();
    expect(since('one\ntwo\nthree', first[0]!, result('c1', 11, 'Error: no such file', true))).toBeNull();
  });

  it('counts no read that only said that the file was as before', () => {
    const same = [call('c2', 'Read', file, 20), result('c2', 21, { type: 'file_unchanged', file: { filePath: file } })];
    expect(since('one\ntwo\nthree\n', ...first, ...same)).toBe(11);
    expect(fileTimes([...first, ...same]).until).toBe(21_000);
  });

  it('takes lines of any kind', () => {
    const lines = ['', 'null', '{}', '{"timestamp":5,"message":{"content":[null,{"type":"tool_result"}]}}', 'x'];
    expect(fileTimes(lines)).toEqual({ touches: new Map(), until: null });
  });
});
