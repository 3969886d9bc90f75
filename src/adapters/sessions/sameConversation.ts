import { holdsMessage } from '../../core/session/transcriptEntry.ts';
import { TranscriptScan } from './transcriptScan.ts';

function messagesIn(file: string): string {
  const scan = new TranscriptScan(file);
  try {
    scan.update();
    const messages = scan.transcript.entries.filter(holdsMessage);
    return messages.flatMap(({ uuid }) => uuid ?? []).join();
  } finally {
    scan.close();
  }
}

/** Whether transcripts hold the same messages. @throws the file system's error where one can't be read */
export function isSameConversation(files: readonly string[]): boolean {
  return new Set(files.map(messagesIn)).size < 2;
}
