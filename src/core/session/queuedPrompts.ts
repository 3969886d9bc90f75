import { textField } from './jsonRecord.ts';
import type { QueuedPrompt, TurnOutline } from './recordedSession.ts';
import type { TranscriptEntry } from './transcriptEntry.ts';

/** What a `queue-operation` record says, as the one text that is kept of it: what was done and, of some, with which words. */
export function queueOperationText(record: TranscriptEntry['record']): string | null {
  const operation = textField(record, 'operation');
  return operation === null ? null : `${operation} ${textField(record, 'content') ?? ''}`;
}

/**
 * What the person typed while a turn ran and Claude Code never passed on: the session ended before.
 * @param entries in file order
 */
export function queuedPromptsOf(entries: readonly TranscriptEntry[], turns: readonly TurnOutline[]): QueuedPrompt[] {
  let waiting: QueuedPrompt[] = [];
  for (const { facts, line, timestamp } of entries) {
    if (facts.queued === null) continue;
    const space = facts.queued.indexOf(' ');
    const [operation, text] = [facts.queued.slice(0, space), facts.queued.slice(space + 1)];
    const named = waiting.findIndex((prompt) => prompt.text === text);
    if (operation === 'enqueue' && text.trim() !== '') waiting.push({ text, line, at: timestamp });
    else if (operation === 'dequeue' || operation === 'remove') waiting.splice(Math.max(0, named), 1);
    // All of them were put back for editing.
    else if (operation === 'popAll') waiting = [];
  }
  if (waiting.length === 0) return waiting;
  // Not every version notes that it has passed one on.
  const said = new Set(turns.flatMap(({ prompt, absorbed }) => [prompt, ...absorbed.map(({ text }) => text)]));
  return waiting.filter(({ text }) => !said.has(text));
}
