import type { FileHandle } from 'node:fs/promises';
import * as z from 'zod';
import { openPlainFile } from '../plainFiles.ts';

/** The session that a fork was made from. */
export interface ForkOrigin {
  sessionId: string;
  /** The last message of that session which the fork has too; null where it can't be told. */
  messageUuid: string | null;
}

const pieceBytes = 1024 * 1024;
/** Copied lines that are no message (attachments) are passed over, but not without end. */
const lookedAtMost = 64;
const longestLine = 64 * 1024 * 1024;
/** What stands in copied lines only: of the SDK's forks in all of them, of the command line's forks in the replies. */
const marks = ['"forkedFrom":{', '"requestSessionId":"'].map((mark) => Buffer.from(mark));
const longestMark = Math.max(...marks.map(({ length }) => length));
const lineFeed = 10;

const copiedSchema = z.object({
  type: z.string(),
  uuid: z.string().optional(),
  forkedFrom: z.object({ sessionId: z.string(), messageUuid: z.string().optional() }).optional(),
  requestSessionId: z.string().optional(),
});

/**
 * Says which session a transcript was forked from, by the last message that was copied into it. Read from the end, because
 * what a fork of a fork copied first names the grandparent.
 * @returns null where the file says nothing of it
 * @throws the file system's error where the file can't be read
 */
export async function forkOrigin(file: string): Promise<ForkOrigin | null> {
  const handle = await openPlainFile(file);
  try {
    let end = (await handle.stat()).size;
    let origin: ForkOrigin | null = null;
    for (let looked = 0; looked < lookedAtMost; looked++) {
      const at = await lastMark(handle, end);
      if (at === null) break;
      const line = await lineAround(handle, at, end);
      const copied = originOf(line.text);
      if (copied?.messageUuid) return copied;
      origin ??= copied;
      end = line.start;
    }
    return origin;
  } finally {
    await handle.close();
  }
}

function originOf(text: string): ForkOrigin | null {
  const { data } = copiedSchema.safeParse(jsonOrNull(text));
  if (data === undefined) return null;
  const isMessage = data.type === 'user' || data.type === 'assistant';
  if (data.forkedFrom !== undefined) {
    return {
      sessionId: data.forkedFrom.sessionId,
      messageUuid: isMessage ? (data.forkedFrom.messageUuid ?? null) : null,
    };
  }
  // Forks by the command line keep the messages' ids.
  return data.requestSessionId === undefined
    ? null
    : { sessionId: data.requestSessionId, messageUuid: isMessage ? (data.uuid ?? null) : null };
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Offset of the last mark that lies wholly before `end`, null where there is none. */
async function lastMark(handle: FileHandle, end: number): Promise<number | null> {
  const buffer = Buffer.allocUnsafe(pieceBytes + longestMark);
  for (let to = end; to > 0; to -= pieceBytes) {
    const from = Math.max(0, to - pieceBytes);
    // A little beyond the piece: a mark may lie across its end.
    const length = Math.min(to + longestMark, end) - from;
    const { bytesRead } = await handle.read(buffer, 0, length, from);
    const piece = buffer.subarray(0, bytesRead);
    const found = Math.max(...marks.map((mark) => piece.lastIndexOf(mark)));
    if (found >= 0) return from + found;
  }
  return null;
}

/** The line that an offset lies in. */
async function lineAround(handle: FileHandle, at: number, end: number): Promise<{ start: number; text: string }> {
  const start = await lineStart(handle, at);
  const pieces: Buffer[] = [];
  for (let position = start; position < end && position - start < longestLine; position += pieceBytes) {
    const length = Math.min(pieceBytes, end - position);
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, position);
    const stop = buffer.subarray(0, bytesRead).indexOf(lineFeed);
    pieces.push(buffer.subarray(0, stop < 0 ? bytesRead : stop));
    if (stop >= 0 || bytesRead === 0) break;
  }
  return { start, text: Buffer.concat(pieces).toString('utf8') };
}

async function lineStart(handle: FileHandle, at: number): Promise<number> {
  for (let to = at; to > 0; to -= pieceBytes) {
    const from = Math.max(0, to - pieceBytes);
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(to - from), 0, to - from, from);
    const found = buffer.subarray(0, bytesRead).lastIndexOf(lineFeed);
    if (found >= 0) return from + found + 1;
  }
  return 0;
}
