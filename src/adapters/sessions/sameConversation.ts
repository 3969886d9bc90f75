import { createHash } from 'node:crypto';
import { canonicalJson } from '../../core/canonicalJson.ts';
import { holdsMessage } from '../../core/session/transcriptEntry.ts';
import { TranscriptScan } from './transcriptScan.ts';

/** Stands for what is said in a file, and for what each message answers. */
function conversationIn(file: string): string {
  const scan = new TranscriptScan(file);
  try {
    scan.update();
    const hash = createHash('sha256');
    for (const entry of scan.transcript.entries) {
      if (entry.uuid === null || !holdsMessage(entry)) continue;
      hash.update(`${canonicalJson([entry.uuid, entry.parentUuid, entry.record.message])}\n`);
    }
    return hash.digest('hex');
  } finally {
    scan.close();
  }
}

/** Whether transcripts hold the same messages. @throws the file system's error where one can't be read */
export function isSameConversation(files: readonly string[]): boolean {
  return new Set(files.map(conversationIn)).size < 2;
}
