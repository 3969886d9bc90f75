import type { RequestBlock, RequestMessage } from '../api/messagesRequest.ts';
import { isInjectedText, joinedPromptText, textsOf, withoutReminders } from '../session/promptRules.ts';
import type { ContentBlock } from '../session/recordedSession.ts';

/** Texts of the prompt that the person wrote, last first. */
function ownTexts(prompt: readonly ContentBlock[]): string[] {
  const texts = textsOf(prompt);
  const own = texts.filter((text) => !isInjectedText(text));
  return (own.length === 0 ? texts : own).reverse();
}

/** Ways in which a block may hold the prompt, best first: Claude Code adds a line break or more where it joins texts. */
const holds: ((block: string, text: string) => boolean)[] = [
  (block, text) => block === text,
  (block, text) => block.trim() === text.trim(),
  (block, text) => text.trim() !== '' && block.includes(text),
];

/** The block of the last user message that holds the prompt's text; null where the prompt has none or it is not found. */
export function findPrompt(
  messages: readonly RequestMessage[],
  prompt: readonly ContentBlock[],
): { message: number; block: number } | null {
  const message = messages.findLastIndex((candidate) => candidate.role === 'user');
  const content = messages[message]?.content;
  if (content === undefined || typeof content === 'string') return null;
  for (const text of ownTexts(prompt).map((own) => own.toWellFormed())) {
    for (const isHeld of holds) {
      const block = content.findLastIndex(
        (candidate) =>
          candidate.type === 'text' &&
          typeof candidate.text === 'string' &&
          isHeld(candidate.text.toWellFormed(), text),
      );
      if (block >= 0) return { message, block };
    }
  }
  return null;
}

/** What is offered for editing in place of a block: the person's words, as they were typed. */
export function editableText(block: string, prompt: readonly ContentBlock[]): string {
  return joinedPromptText([ownTexts(prompt).find((text) => text.trim() === block.trim()) ?? block]);
}

/** The prompt's block with other words. @returns it, and what a person should know of what Claude Code had put there, null for nothing */
export function withOtherWords(
  block: RequestBlock | undefined,
  words: string,
): { block: RequestBlock; note: string | null } {
  const text = typeof block?.text === 'string' ? block.text : '';
  const recorded = withoutReminders(text);
  const lead = text.slice(0, text.length - recorded.length);
  const changed: RequestBlock = { ...block, type: 'text', text: lead + words };
  if (lead.trim() !== '')
    return {
      block: changed,
      note: 'What Claude Code put in front of the recorded prompt stays in front of the new one.',
    };
  const isCommand = joinedPromptText([recorded]) !== recorded;
  return {
    block: changed,
    note: isCommand ? 'What Claude Code made of the recorded command stays behind the new prompt.' : null,
  };
}
