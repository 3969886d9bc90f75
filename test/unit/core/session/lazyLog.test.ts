import { describe, expect, it } from 'vitest';
import { LazyLog } from '../../../../src/core/session/lazyLog.ts';
import type { TranscriptEntry } from '../../../../src/core/session/transcriptEntry.ts';

interface Item {
  line: number;
  key: string;
}

/** A log with one record a line. */
function logOf(keys: readonly string[]) {
  const read: number[] = [];
  const log = new LazyLog<Item>((entry) => {
    read.push(entry.line);
    const { key } = entry.record as { key: string };
    return key === '' ? null : { key, item: { line: entry.line, key } };
  });
  for (const [at, key] of keys.entries()) log.add({ line: at + 1, record: { key } } as unknown as TranscriptEntry);
  return { log, read };
}

describe('a log that is read when it is asked', () => {
  it('finds the first record of a key, whatever was read before', () => {
    const { log } = logOf(['a', 'b', 'a', 'c']);
    expect([...log.between(2, 4)].map(({ line }) => line)).toEqual([3]);
    expect([...log.before(5)].map(({ line }) => line)).toEqual([4, 3, 2, 1]);
    expect(log.find('a', 5)?.line).toBe(1);
  });

  it('finds nothing that stands behind the line, also where it was met before', () => {
    const { log } = logOf(['a', 'b', 'c']);
    expect(log.find('c', 4)?.line).toBe(3);
    expect(log.find('c', 3)).toBeNull();
    expect(log.find('b', 3)?.line).toBe(2);
  });

  it('gives each key once', () => {
    const { log } = logOf(['a', 'a', '', 'b', 'a']);
    expect([...log.between(0, 9)].map(({ line }) => line)).toEqual([1, 4]);
  });

  it('reads no further than asked, and each record once', () => {
    const { log, read } = logOf(['a', 'b', 'c', 'd']);
    expect(log.find('b', 4)?.line).toBe(2);
    expect(log.find('b', 4)?.line).toBe(2);
    expect(read).toEqual([1, 2]);
  });
});
