import type { ContentBlock } from './recordedSession.ts';
import { type TranscriptEntry, textField } from './transcriptEntry.ts';

// User lines that Claude Code writes itself begin with one of these tags.
const notByThePerson =
  /^\s*<(?:local-command-(?:stdout|stderr|caveat)|bash-(?:input|stdout|stderr)|task-notification)>/;
const commandOutput = /^\s*<local-command-(?:stdout|stderr)>/;
const interruption = /^\s*\[Request interrupted by user(?: for tool use)?\]\s*$/;
const command = /^\s*<command-(?:name|message)>/;
const wholeReminder = /^\s*<(system-reminder|ide_[a-z_]+)>[\s\S]*<\/\1>\s*$/;

function textBlocks(content: readonly ContentBlock[]): string[] {
  return content.flatMap((block) => (block.type === 'text' && typeof block.text === 'string' ? [block.text] : []));
}

/** Whether the block is text that Claude Code put beside a prompt, not the person. */
export function isInjectedText(text: string): boolean {
  return wholeReminder.test(text);
}

/** "[Request interrupted by user]": what Claude Code writes when a reply or a tool was stopped. */
export function isInterruption(entry: TranscriptEntry): boolean {
  if (entry.type !== 'user' || entry.message === null) return false;
  return textBlocks(entry.message.content).some((text) => interruption.test(text));
}

/** Output of a command that ran in Claude Code itself (`/compact`, `/model`, …): its parent was no prompt to the model. */
export function isCommandOutput(entry: TranscriptEntry): boolean {
  return (
    entry.type === 'user' &&
    entry.message !== null &&
    textBlocks(entry.message.content).some((text) => commandOutput.test(text))
  );
}

/** Whether the line holds tool results. */
export function holdsToolResult(entry: TranscriptEntry): boolean {
  return entry.message?.content.some((block) => block.type === 'tool_result') === true;
}

/**
 * Whether the line is a prompt that a person (or the program that drives Claude Code for one) wrote.
 * A slash command counts here; it is taken back when its output shows that it never reached the model (`isCommandOutput`).
 */
export function isPrompt(entry: TranscriptEntry): boolean {
  if (entry.type !== 'user' || entry.uuid === null || entry.isSidechain || entry.message === null) return false;
  const { record, message } = entry;
  if (record.isMeta === true || record.isCompactSummary === true || record.isVisibleInTranscriptOnly === true)
    return false;
  if (message.role !== 'user' || message.content.length === 0 || holdsToolResult(entry) || isInterruption(entry))
    return false;
  return !textBlocks(message.content).some((text) => notByThePerson.test(text));
}

/** A slash command as it was typed; null where the text is none. */
function typedCommand(text: string): string | null {
  if (!command.test(text)) return null;
  const name = /<command-name>([^<]*)<\/command-name>/.exec(text)?.[1]?.trim();
  const args = /<command-args>([\s\S]*?)<\/command-args>/.exec(text)?.[1]?.trim();
  if (name === undefined || name === '') return null;
  return args === undefined || args === '' ? name : `${name} ${args}`;
}

/** The prompt's text as the person wrote it: without images and without what Claude Code put beside it. */
export function promptText(content: readonly ContentBlock[]): string {
  const texts = textBlocks(content);
  const own = texts.filter((text) => !isInjectedText(text));
  const shown = own.length === 0 ? texts : own;
  return shown.map((text) => typedCommand(text) ?? text).join('\n\n');
}

/** Text of a reply that stands for an API error, null for any other line. */
export function apiErrorText(entry: TranscriptEntry): string | null {
  if (entry.record.isApiErrorMessage !== true || entry.message === null) return null;
  return textBlocks(entry.message.content).join('\n') || textField(entry.record, 'error') || 'API error';
}

/** Replies that no model wrote ("No response requested.") and that stand for no error either. */
export function isSyntheticReply(entry: TranscriptEntry): boolean {
  return entry.message?.model === '<synthetic>' && entry.record.isApiErrorMessage !== true;
}
