import { type JsonRecord, textField } from './jsonRecord.ts';
import type { ContentBlock } from './recordedSession.ts';
import type { TranscriptEntry } from './transcriptEntry.ts';

// User lines that Claude Code writes itself begin with one of these tags.
const notByThePerson = /^\s*<(?:local-command-(?:stdout|stderr|caveat)|bash-(?:stdout|stderr)|task-notification)>/;
const commandOutput = /^\s*<local-command-(?:stdout|stderr)>/;
const shellOutput = /^\s*<bash-(?:stdout|stderr)>/;
const interruption = /^\s*\[Request interrupted by user(?: for tool use)?\]\s*$/;
const continuation = /^\s*Continue from where you left off\.\s*$/;
const command = /^\s*<command-(?:name|message)>/;
const unknownCommand = /^\s*Unknown (?:skill|slash command|command): \S+\s*$/;
const openingReminder = /^\s*<(system-reminder|ide_[a-z_]+)>/;
const wholeReminder = /^\s*<(system-reminder|ide_[a-z_]+)>[\s\S]*<\/\1>\s*$/;

const outputEnd = /<\/(?:local-command|bash)-(?:stdout|stderr)>/;
const outputEndsText = /<\/(?:local-command|bash)-(?:stdout|stderr)>\s*$/;

/** Whether there is something behind output: then a person has copied it and asks about it. */
function goesOnBehindOutput(text: string): boolean {
  return (commandOutput.test(text) || shellOutput.test(text)) && outputEnd.test(text) && !outputEndsText.test(text);
}

/** Whether a text is what Claude Code writes as a message of the person's: output of commands, and notes on them. */
export function isNotByThePerson(text: string): boolean {
  return notByThePerson.test(text) && !goesOnBehindOutput(text);
}

/** The texts of a message. */
export function textsOf(content: readonly ContentBlock[]): string[] {
  return content.flatMap((block) => (block.type === 'text' && typeof block.text === 'string' ? [block.text] : []));
}

/** Whether the block is text that Claude Code put beside a prompt, not the person. */
export function isInjectedText(text: string): boolean {
  return wholeReminder.test(text);
}

/** Whether a user line says "[Request interrupted by user]": what Claude Code writes when a reply or a tool was stopped. */
export function holdsInterruption(texts: readonly string[]): boolean {
  return texts.some((text) => interruption.test(text));
}

/** Whether a user line is what Claude Code writes when it resumes after a turn that ended without a trace of why. */
export function holdsContinuation(record: JsonRecord, texts: readonly string[]): boolean {
  return record.isMeta === true && texts.some((text) => continuation.test(text));
}

/**
 * Whether the text is output of a command that ran in Claude Code itself (`/compact`, `/model`, …): a user line, or in newer
 * versions a `system` record.
 */
export function isCommandOutputText(text: string): boolean {
  return commandOutput.test(text) && !goesOnBehindOutput(text);
}

/** Whether the text is output of a command that the person typed behind `!`: Claude Code writes it behind that prompt. */
export function isShellOutputText(text: string): boolean {
  return shellOutput.test(text) && !goesOnBehindOutput(text);
}

/**
 * Whether a subagent's records are a first request that nobody asked for: version 2.0 sent one ahead of time for each kind of
 * subagent, beside every session.
 */
export function isWarmUp(entries: readonly TranscriptEntry[]): boolean {
  const prompts = entries.flatMap(({ facts }) => facts.prompt ?? []);
  return prompts.length === 1 && prompts[0]?.text === 'Warmup';
}

/** Whether the line holds tool results. */
export function holdsToolResult(entry: TranscriptEntry): boolean {
  return entry.facts.blocks.includes('tool_result');
}

/**
 * Whether a user line is a prompt that a person (or the program that drives Claude Code for one) wrote.
 * A slash command counts here; it is taken back when its output shows that it never reached the model (`isCommandOutput`).
 */
export function isPromptContent(
  record: JsonRecord,
  content: readonly ContentBlock[],
  texts: readonly string[],
): boolean {
  return record.isMeta !== true && isAsked(record, content, texts) && !isOfUnknownCommand(texts);
}

/** What Claude Code says of a command that it doesn't know; the same words may be a person's. */
function isOfUnknownCommand(texts: readonly string[]): boolean {
  return texts.some((text) => unknownCommand.test(text));
}

/** As `isPromptContent`, whoever asks. */
function isAsked(record: JsonRecord, content: readonly ContentBlock[], texts: readonly string[]): boolean {
  if (record.isCompactSummary === true || record.isVisibleInTranscriptOnly === true) return false;
  if (content.length === 0 || content.some(({ type }) => type === 'tool_result') || holdsInterruption(texts))
    return false;
  return !texts.some(isNotByThePerson);
}

/**
 * Whether a user line is a prompt only where the model answers it. Such are what a conversation begins with that no person asked, a
 * scheduled prompt or another session's message, and words that Claude Code says, too, of a command that it doesn't know.
 */
export function isPromptIfAnswered(
  record: JsonRecord,
  content: readonly ContentBlock[],
  texts: readonly string[],
): boolean {
  if (record.isMeta !== true) return isAsked(record, content, texts) && isOfUnknownCommand(texts);
  const hangs = textField(record, 'parentUuid') ?? textField(record, 'logicalParentUuid');
  if (hangs !== null || !isAsked(record, content, texts)) return false;
  return texts.some((text) => !isInjectedText(text)) && !texts.some((text) => continuation.test(text));
}

/** A slash command as it was typed; null where the text is none. */
function typedCommand(text: string): string | null {
  if (!command.test(text)) return null;
  const name = /<command-name>([^<]*)<\/command-name>/.exec(text)?.[1]?.trim();
  const args = /<command-args>([\s\S]*?)<\/command-args>/.exec(text)?.[1]?.trim();
  if (name === undefined || name === '') return null;
  return args === undefined || args === '' ? name : `${name} ${args}`;
}

/** A shell command that the person typed behind `!`, in Claude Code's own words; null where the text is none. */
function typedShellCommand(text: string): string | null {
  const typed = /^\s*<bash-input>([\s\S]*)<\/bash-input>\s*$/.exec(text)?.[1];
  return typed === undefined ? null : `! ${typed}`;
}

/** The prompt's text as the person wrote it: without images and without what Claude Code put beside it. */
export function promptText(content: readonly ContentBlock[]): string {
  return joinedPromptText(textsOf(content));
}

/** A prompt's text without what Claude Code put in front of it; the whole text where nothing is behind that. */
export function withoutReminders(text: string): string {
  let rest = text;
  for (let opening = openingReminder.exec(rest); opening !== null; opening = openingReminder.exec(rest)) {
    const closing = `</${opening[1]}>`;
    const end = rest.indexOf(closing, opening[0].length);
    const behind = end < 0 ? '' : rest.slice(end + closing.length).trimStart();
    if (behind === '') return rest;
    rest = behind;
  }
  return rest;
}

/** A prompt of some texts. What Claude Code put before a text, in the same text, doesn't belong to it either. */
export function joinedPromptText(texts: readonly string[]): string {
  const own = texts.filter((text) => !isInjectedText(text));
  const shown = own.length === 0 ? texts : own.map(withoutReminders);
  return shown.map((text) => typedCommand(text) ?? typedShellCommand(text) ?? text).join('\n\n');
}

/**
 * A prompt in one line, as a run is called by it. Runs of earlier releases were called by the prompt's markup, which their title cuts off in
 * the middle: of that the command is shown, else what stands behind the tag.
 */
export function promptTitle(text: string): string {
  const shown = joinedPromptText([text]).replace(/\s+/g, ' ').trim();
  const cut = /^<command-(?:message|name)>\/?([^<…]+)/.exec(shown)?.[1];
  return cut === undefined ? shown.replace(openingReminder, '').trim() : `/${cut.trim()}`;
}

/** Whether a text says nothing to a reader: it holds white space and invisible characters only. */
export function isBlank(text: string): boolean {
  return !/[^\s\p{Cc}\p{Cf}]/u.test(text);
}

/** What the person wrote while a turn ran and Claude Code passed on within it: a `queued_command` attachment. */
export function absorbedText(attachment: JsonRecord | null): string | null {
  if (attachment?.type !== 'queued_command' || (attachment.commandMode ?? 'prompt') !== 'prompt') return null;
  const { prompt } = attachment;
  if (typeof prompt === 'string') return prompt;
  return Array.isArray(prompt) ? promptText(prompt as unknown as ContentBlock[]) : null;
}

/** Text of a reply that stands for an API error, null for any other line. */
export function apiErrorText(record: JsonRecord, content: readonly ContentBlock[]): string | null {
  if (record.isApiErrorMessage !== true) return null;
  return textsOf(content).join('\n') || textField(record, 'error') || 'API error';
}

/** Whether a model wrote it. */
export function isAnswer({ type, facts: { model } }: Pick<TranscriptEntry, 'type' | 'facts'>): boolean {
  return type === 'assistant' && model !== null && model !== '<synthetic>';
}

/** Replies that no model wrote ("No response requested.") and that stand for no error either. */
export function isSyntheticReply(entry: TranscriptEntry): boolean {
  return entry.facts.model === '<synthetic>' && entry.facts.apiError === null;
}
