import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** Lines of larger files are not compared: that would take seconds. */
const largestFile = 100_000_000;

/**
 * `uuid`s of a transcript's messages, in file order.
 * @returns null where the file is too large or can't be read
 */
export async function messageUuids(file: string, bytes: number): Promise<string[] | null> {
  if (bytes > largestFile) return null;
  const uuids: string[] = [];
  const input = createReadStream(file);
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      const record = /^\uFEFF?\{/.test(line) ? jsonOrNull(line.trim()) : null;
      if ((record?.type === 'user' || record?.type === 'assistant') && typeof record.uuid === 'string') {
        uuids.push(record.uuid);
      }
    }
    return uuids;
  } catch {
    return null;
  } finally {
    input.destroy();
  }
}

function jsonOrNull(line: string): { type?: unknown; uuid?: unknown } | null {
  try {
    return JSON.parse(line) as { type?: unknown; uuid?: unknown };
  } catch {
    return null;
  }
}
