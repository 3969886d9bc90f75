import type { SessionId } from '../ids.ts';
import { isCompactBoundary } from './compaction.ts';
import type { PromptFacts } from './entryFacts.ts';
import { type JsonRecord, numberField, textField, valueAt } from './jsonRecord.ts';
import { isBeside, isPartOf, type PromptLine } from './promptParts.ts';
import { isAnswer, isBlank, joinedPromptText } from './promptRules.ts';
import { noContext, type SessionSummary } from './recordedSession.ts';
import { placeTable, titleTypes } from './recordTable.ts';
import type { TranscriptEntry } from './transcriptEntry.ts';

const longestTitle = 200;

function inOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** Text in one line, shortened. */
export function oneLine(text: string, longest = longestTitle): string {
  // Of a long text the beginning is enough, unless it is mostly white space.
  const head = text.length > 8 * longest ? inOneLine(text.slice(0, 4 * longest)) : '';
  const line = head.length > longest ? head : inOneLine(text);
  return (line.length <= longest ? line : `${line.slice(0, longest - 1).trimEnd()}…`).toWellFormed();
}

/** What a chained record says of where it was written; null where it doesn't. */
export type RecordPlace = { [Name in keyof typeof placeTable]: string | null };

/** @param fields where its texts stand @param textAt gives the text there */
export function recordPlace<Field>(
  fields: { [Name in keyof RecordPlace]: Field },
  textAt: (field: Field) => string | null,
): RecordPlace {
  return {
    sessionId: textAt(fields.sessionId),
    projectPath: textAt(fields.projectPath),
    gitBranch: textAt(fields.gitBranch),
    version: textAt(fields.version),
    forkedFrom: textAt(fields.forkedFrom),
  };
}

function placeIn(record: JsonRecord): RecordPlace {
  return recordPlace<string>(placeTable, (path) => {
    const value = valueAt(record, path);
    return typeof value === 'string' && value !== '' ? value : null;
  });
}

function titleIn(record: JsonRecord, name: string): string | null {
  const title = textField(record, name);
  return title === null || isBlank(title) ? null : title;
}

/** Lines of which a summary needs no more than this: nobody has read the rest of them. */
export interface PassedLines {
  lines: number;
  /** How many of them hold messages of the conversation. */
  messages: number;
  /** How many of these are prompts, which begin like no command. */
  prompts: number;
  /** Time of the last record of the conversation; null where there is none. */
  lastAt: string | null;
  /** `uuid` of that record, where it is a prompt of one block that a person wrote; else null. */
  openPrompt: string | null;
  /** The last cost that was recorded; null where there is none. */
  costUsd: number | null;
}

/** A prompt of which the next line may be a part. */
interface OpenPrompt {
  /** Its last line. */
  line: PromptLine;
  /** `uuid` of its first line. */
  first: string;
  texts: string[];
}

type Text = string | null;

function nothingGathered(isSidechain: boolean) {
  return {
    /** True for a subagent's own file, all of whose records are marked as a subagent's. */
    isSidechain,
    /** Texts of the prompts that may be the title, or that may turn out to have been no prompts, by the record's `uuid`. */
    prompts: new Map<string, string>(),
    /** Parents of the outputs of commands that Claude Code ran itself. */
    answeredLocally: new Set<string>(),
    models: new Set<string>(),
    sessions: new Set<string>(),
    customTitle: null as Text,
    aiTitle: null as Text,
    projectPath: null as Text,
    firstAt: null as Text,
    lastAt: null as Text,
    costUsd: null as number | null,
    gitBranch: null as Text,
    version: null as Text,
    messages: 0,
    /** Prompts besides these. */
    furtherPrompts: 0,
    /** A prompt came that is no command, so that the title is known if no record names one. */
    isTitled: false,
    forkedFrom: null as Text,
    roots: [] as string[],
    /** Titles of conversations by the last message of each, and whether that stands in this file. */
    leafTitles: new Map<string, { title: string; isOwn: boolean }>(),
    /** Messages that are commands, their outputs, or Claude Code's own. */
    unsaid: 0,
    /** What the conversation begins with that no person asked, as long as nothing has come of it. */
    automatic: null as { uuid: string; text: string } | null,
    /** The prompt of the record that came last, with the texts of the lines that belong to it. */
    open: null as OpenPrompt | null,
  };
}

/** What the records of one transcript have said so far, as plain data. */
export type GatheredSummary = ReturnType<typeof nothingGathered>;

/**
 * Gathers the summary of one transcript, record by record in file order. The list and the whole parse both go through here,
 * so they can't disagree on what a turn is.
 */
export class SessionSummaryBuilder {
  readonly #gathered: GatheredSummary;

  /** @param isSidechain true for a subagent's own file @param gathered which becomes its own; default: nothing */
  constructor(isSidechain = false, gathered = nothingGathered(isSidechain)) {
    this.#gathered = gathered;
  }

  /** A second one that goes on from here by itself. */
  clone(): SessionSummaryBuilder {
    return SessionSummaryBuilder.from(this.gathered());
  }

  /** A copy of all that was gathered. */
  gathered(): GatheredSummary {
    return structuredClone(this.#gathered);
  }

  /** @param gathered which becomes the new one's own */
  static from(gathered: GatheredSummary): SessionSummaryBuilder {
    return new SessionSummaryBuilder(gathered.isSidechain, gathered);
  }

  /**
   * Takes the next record. Records of subagents that stand in a session's file are passed over.
   * @param place where the caller has read it already; default: from the whole record
   */
  add(entry: TranscriptEntry, place?: RecordPlace): void {
    if (entry.uuid === null && titleTypes.has(entry.type)) this.#addTitle(entry.type, entry.record);
    if (entry.isSidechain && !this.#gathered.isSidechain) return;
    const { facts } = entry;
    if (facts.isCommandOutput && entry.parentUuid !== null) this.#gathered.answeredLocally.add(entry.parentUuid);
    if (entry.uuid === null) return;
    this.#addPlace(entry, place ?? placeIn(entry.record));
    const before = this.#gathered.open;
    this.#gathered.open = null;
    if (entry.type === 'assistant') {
      this.#gathered.messages += 1;
      if (facts.model !== null && facts.model !== '<synthetic>') this.#gathered.models.add(facts.model);
      if (this.#gathered.automatic !== null && isAnswer(entry)) {
        this.#addPrompt(this.#gathered.automatic.uuid, this.#gathered.automatic.text);
        this.#gathered.automatic = null;
      }
    } else if (entry.type === 'user') {
      this.#gathered.messages += 1;
      if (facts.isMeta || facts.isCommandOutput) this.#gathered.unsaid += 1;
      if (facts.prompt !== null) this.#addLine(entry, entry.uuid, facts.prompt, before);
      else if (facts.automatic !== null) this.#gathered.automatic = { uuid: entry.uuid, text: facts.automatic.text };
    }
  }

  /** @param before the prompt right before the record */
  #addLine(entry: TranscriptEntry, uuid: string, prompt: PromptFacts, before: OpenPrompt | null): void {
    this.#gathered.automatic = null;
    const isPart = before !== null && isPartOf(before.line, entry);
    const texts = [...(isPart ? before.texts : []), ...(prompt.attachments > 0 ? [] : [prompt.text])];
    const first = isPart ? before.first : uuid;
    // Only one block may be a part, and the beginning of one.
    this.#gathered.open = prompt.isOneBlock
      ? { line: { uuid, timestamp: entry.timestamp, prompt }, first, texts }
      : null;
    if (!isPart) this.#addPrompt(uuid, prompt.text);
    else if (this.#gathered.prompts.has(first)) this.#addPrompt(first, joinedPromptText(texts), true);
  }

  /** @param isKnown whether it counts already and says more than was known */
  #addPrompt(uuid: string, text: string, isKnown = false): void {
    const isCommand = /^\s*\//.test(text);
    if (this.#gathered.isTitled && !isCommand && !isKnown) {
      this.#gathered.furtherPrompts += 1;
      return;
    }
    const line = oneLine(text);
    this.#gathered.prompts.set(uuid, line);
    this.#gathered.isTitled ||= !isBlank(line) && !isCommand;
  }

  /** Takes the next records together: what they say of their place was said before, and of their texts none is the title. */
  pass({ messages, prompts, lastAt, openPrompt, costUsd }: PassedLines): void {
    if (lastAt !== null) {
      const prompt = { text: '', attachments: 0, isOneBlock: true };
      // Its texts are none of the title.
      this.#gathered.open =
        openPrompt === null
          ? null
          : { line: { uuid: openPrompt, timestamp: lastAt, prompt }, first: openPrompt, texts: [] };
    }
    this.#gathered.messages += messages;
    this.#gathered.furtherPrompts += prompts;
    this.#gathered.lastAt = lastAt ?? this.#gathered.lastAt;
    this.#gathered.costUsd = costUsd ?? this.#gathered.costUsd;
  }

  /** Whether the next record says what the one before is: no line may be passed over. */
  get isWaiting(): boolean {
    return this.#gathered.automatic !== null;
  }

  /** Whether further prompts only count: the first one that is no command stands for the session, and none goes on with it. */
  get countsPrompts(): boolean {
    return this.#gathered.isTitled && (this.#gathered.open === null || !isBeside(this.#gathered.open.line.prompt));
  }

  #addTitle(type: string, record: JsonRecord): void {
    if (type === 'custom-title')
      this.#gathered.customTitle = titleIn(record, 'customTitle') ?? this.#gathered.customTitle;
    else if (type === 'ai-title') this.#gathered.aiTitle = titleIn(record, 'aiTitle') ?? this.#gathered.aiTitle;
    else if (type === 'summary') {
      // Without the message that it is about it can only be about this file.
      const [title, leaf] = [titleIn(record, 'summary'), textField(record, 'leafUuid')];
      if (title !== null) this.#gathered.leafTitles.set(leaf ?? '', { title: oneLine(title), isOwn: leaf === null });
    } else if (type === 'cost-state')
      this.#gathered.costUsd = numberField(record, 'totalCostUSD') ?? this.#gathered.costUsd;
  }

  #addPlace(entry: TranscriptEntry, place: RecordPlace): void {
    // Every line that a fork has copied names its origin; that of the first one says whether it is a fork at all.
    if (this.#gathered.roots.length === 0) this.#gathered.forkedFrom = place.forkedFrom;
    if (entry.uuid !== null && (this.#gathered.roots.length === 0 || isCompactBoundary(entry)))
      this.#gathered.roots.push(entry.uuid);
    this.#gathered.firstAt ??= entry.timestamp;
    this.#gathered.lastAt = entry.timestamp ?? this.#gathered.lastAt;
    this.#gathered.projectPath ??= place.projectPath;
    this.#gathered.gitBranch = place.gitBranch ?? this.#gathered.gitBranch;
    this.#gathered.version = place.version ?? this.#gathered.version;
    if (place.sessionId !== null) this.#gathered.sessions.add(place.sessionId);
  }

  /** Whether a record says that it belongs to this session. */
  names(sessionId: string): boolean {
    return this.#gathered.sessions.has(sessionId);
  }

  /** Texts of the prompts; a slash command that has output never reached the model. */
  #turns(): string[] {
    return [...this.#gathered.prompts].flatMap(([uuid, text]) => (this.#isAnsweredLocally(uuid, text) ? [] : text));
  }

  /** @param holds whether a record with that `uuid` stands in the file */
  resolveTitles(holds: (uuid: string) => boolean): void {
    for (const [leaf, title] of this.#gathered.leafTitles) title.isOwn ||= holds(leaf);
  }

  /** True where the file holds no message at all, or commands to Claude Code itself alone: nothing to list. */
  get isEmpty(): boolean {
    const commands = [...this.#gathered.prompts].filter(([uuid, text]) => this.#isAnsweredLocally(uuid, text));
    return this.#gathered.messages === this.#gathered.unsaid + commands.length;
  }

  #isAnsweredLocally(uuid: string, text: string): boolean {
    return this.#gathered.answeredLocally.has(uuid) && text.startsWith('/');
  }

  /**
   * @param customTitle title from a file beside the transcript, null where there is none
   */
  build(file: {
    sessionId: string;
    file: string;
    bytes: number;
    problems: number;
    customTitle?: string | null;
    modifiedAt?: string | null;
  }): SessionSummary {
    const turns = this.#turns();
    const firstPrompt = turns.find((prompt) => !isBlank(prompt));
    const fileTitle = isBlank(file.customTitle ?? '') ? null : file.customTitle;
    const summaries = [...this.#gathered.leafTitles];
    const ownSummary = summaries.findLast(([, { isOwn }]) => isOwn)?.[1].title;
    const name = this.#gathered.customTitle ?? fileTitle ?? this.#gathered.aiTitle ?? ownSummary ?? null;
    const title = name ?? firstPrompt ?? 'Untitled session';
    return {
      sessionId: file.sessionId as SessionId,
      file: file.file,
      projectPath: this.#gathered.projectPath,
      title: oneLine(title),
      isNamed: name !== null,
      foreignTitles: summaries.flatMap(([leafUuid, { title, isOwn }]) => (isOwn ? [] : { leafUuid, title })),
      turns: turns.length + this.#gathered.furtherPrompts,
      firstAt: this.#gathered.firstAt,
      lastAt: this.#gathered.lastAt,
      bytes: file.bytes,
      models: [...this.#gathered.models],
      costUsd: this.#gathered.costUsd,
      gitBranch: this.#gathered.gitBranch,
      version: this.#gathered.version,
      problems: file.problems,
      modifiedAt: file.modifiedAt ?? null,
      roots: [...new Set(this.#gathered.roots)],
      forkedFrom:
        this.#gathered.forkedFrom === null ? null : { sessionId: this.#gathered.forkedFrom, messageUuid: null },
      ...noContext,
    };
  }
}
