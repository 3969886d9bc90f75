import { noFacts, type PromptFacts } from './entryFacts.ts';
import { hasUuid } from './messageChain.ts';
import { isInjectedText, joinedPromptText } from './promptRules.ts';
import type { ContentBlock } from './recordedSession.ts';
import type { EntryMessage, TranscriptEntry } from './transcriptEntry.ts';

/** Parts of a prompt are written one behind another, on a busy machine a second or so apart; nobody answers that fast. */
const togetherMs = 2000;

/** What of a prompt's line tells whether the next one belongs to it. */
export type PromptLine = Pick<TranscriptEntry, 'uuid' | 'timestamp'> & { prompt: PromptFacts };

/** Whether a prompt's line is what was put beside a prompt: an image, or a text of Claude Code's. */
export function isBeside({ text, attachments }: PromptFacts): boolean {
  return attachments > 0 || isInjectedText(text);
}

/**
 * Whether a prompt's line goes on with the prompt of the line before: the VS Code extension of 2.1.14 to 2.1.29 wrote each of a
 * prompt's blocks as a line of its own.
 * @param before the record right before it in the file
 */
export function isPartOf(
  before: PromptLine,
  { parentUuid, timestamp, facts: { prompt } }: Pick<TranscriptEntry, 'parentUuid' | 'timestamp' | 'facts'>,
): boolean {
  if (prompt === null || parentUuid === null || parentUuid !== before.uuid) return false;
  if (!prompt.isOneBlock || !before.prompt.isOneBlock || !(isBeside(prompt) || isBeside(before.prompt))) return false;
  const apart = Date.parse(timestamp ?? '') - Date.parse(before.timestamp ?? '');
  return apart >= 0 && apart <= togetherMs;
}

/** A record as it counts, where that isn't what its line says. Its `record` is the line's. */
function counting(entry: TranscriptEntry, facts: TranscriptEntry['facts'], content: () => ContentBlock[]) {
  return {
    line: entry.line,
    type: entry.type,
    uuid: entry.uuid,
    parentUuid: entry.parentUuid,
    timestamp: entry.timestamp,
    isSidechain: entry.isSidechain,
    facts,
    get message(): EntryMessage | null {
      const { message } = entry;
      return message === null ? null : { ...message, content: content() };
    },
    get record() {
      return entry.record;
    },
  } satisfies TranscriptEntry;
}

/** One prompt of its lines: the first one says all of it, the others nothing. */
function joined(lines: readonly TranscriptEntry[]): TranscriptEntry[] {
  const [first, ...others] = lines;
  if (first === undefined || others.length === 0) return [...lines];
  const prompts = lines.flatMap(({ facts }) => facts.prompt ?? []);
  const prompt = {
    text: joinedPromptText(prompts.flatMap(({ text, attachments }) => (attachments > 0 ? [] : text))),
    attachments: prompts.reduce((sum, { attachments }) => sum + attachments, 0),
    isOneBlock: false,
  };
  const facts = { ...first.facts, blocks: lines.flatMap(({ facts: { blocks } }) => blocks), prompt };
  const whole = counting(first, facts, () => lines.flatMap(({ message }) => message?.content ?? []));
  return [whole, ...others.map((entry) => counting(entry, { ...noFacts, isMeta: true }, () => []))];
}

/** The records with the parts of each prompt put together. The very list where no prompt has parts. @param entries in file order */
export function withWholePrompts(entries: readonly TranscriptEntry[]): readonly TranscriptEntry[] {
  let whole: TranscriptEntry[] | null = null;
  let places: number[] = [];
  let before: PromptLine | null = null;
  const flush = () => {
    if (places.length < 2) return;
    whole ??= [...entries];
    const counted = joined(places.map((at) => entries[at] as TranscriptEntry));
    for (const [index, at] of places.entries()) whole[at] = counted[index] as TranscriptEntry;
  };
  for (const [at, entry] of entries.entries()) {
    if (!hasUuid(entry)) continue;
    const isPart = before !== null && isPartOf(before, entry);
    if (!isPart) flush();
    places = isPart ? [...places, at] : [at];
    const { uuid, timestamp, facts } = entry;
    before = facts.prompt === null ? null : { uuid, timestamp, prompt: facts.prompt };
  }
  flush();
  return whole ?? entries;
}
