import { sessionIdSchema } from '../ids.ts';
import { type JsonRecord, numberField, recordField, textField } from './jsonRecord.ts';
import { isCompactBoundary } from './messageChain.ts';
import { noSurroundings, type SessionSummary } from './recordedSession.ts';
import type { TranscriptEntry } from './transcriptEntry.ts';

const longestTitle = 200;

/** Text in one line, shortened. */
export function oneLine(text: string, longest = longestTitle): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= longest ? line : `${line.slice(0, longest - 1).trimEnd()}…`.toWellFormed();
}

/**
 * Gathers the summary of one transcript, record by record in file order. The quick way (`list`) and the whole parse both
 * go through here, so they can't disagree on what a turn is; the quick way leaves out only records that change nothing.
 */
export class SessionSummaryBuilder {
  readonly #prompts = new Map<string, string>();
  /** Parents of the outputs of commands that Claude Code ran itself. */
  readonly #answeredLocally = new Set<string>();
  readonly #models = new Set<string>();
  #customTitle: string | null = null;
  #aiTitle: string | null = null;
  #projectPath: string | null = null;
  #firstAt: string | null = null;
  #lastAt: string | null = null;
  #costUsd: number | null = null;
  #gitBranch: string | null = null;
  #version: string | null = null;
  #messages = 0;
  #forkedFrom: string | null = null;
  readonly #roots: string[] = [];

  /** @param sidechain true for a subagent's own file, all of whose records are marked as a subagent's */
  constructor(private readonly sidechain = false) {}

  /** Takes the next record. Records of subagents that stand in a session's file are passed over. */
  add(entry: TranscriptEntry): void {
    if (entry.uuid === null) this.#addTitle(entry.type, entry.record);
    if (entry.isSidechain && !this.sidechain) return;
    const { facts } = entry;
    if (facts.isCommandOutput && entry.parentUuid !== null) this.#answeredLocally.add(entry.parentUuid);
    if (entry.uuid === null) return;
    this.addPlace(entry);
    if (entry.type === 'assistant') this.addReply(facts.model);
    else if (entry.type === 'user') {
      this.#messages += 1;
      if (facts.prompt !== null && !this.#prompts.has(entry.uuid))
        this.#prompts.set(entry.uuid, oneLine(facts.prompt.text));
    }
  }

  #addTitle(type: string, record: JsonRecord): void {
    if (type === 'custom-title') this.#customTitle = textField(record, 'customTitle') ?? this.#customTitle;
    else if (type === 'ai-title') this.#aiTitle = textField(record, 'aiTitle') ?? this.#aiTitle;
    else if (type === 'summary') this.#aiTitle = textField(record, 'summary') ?? this.#aiTitle;
    else if (type === 'cost-state') this.#costUsd = numberField(record, 'totalCostUSD') ?? this.#costUsd;
  }

  /** Time and place of a chained record. */
  addPlace(entry: TranscriptEntry): void {
    const { record, timestamp } = entry;
    // Every line that a fork has copied names its origin; that of the first one says whether it is a fork at all.
    if (this.#roots.length === 0) this.#forkedFrom = textField(recordField(record, 'forkedFrom'), 'sessionId');
    if (entry.uuid !== null && (this.#roots.length === 0 || isCompactBoundary(entry))) this.#roots.push(entry.uuid);
    this.#firstAt ??= timestamp;
    this.#lastAt = timestamp ?? this.#lastAt;
    this.#projectPath ??= textField(record, 'cwd');
    this.#gitBranch = textField(record, 'gitBranch') ?? this.#gitBranch;
    this.#version = textField(record, 'version') ?? this.#version;
  }

  /** A line of a reply. */
  addReply(model: string | null): void {
    this.#messages += 1;
    if (model !== null && model !== '<synthetic>') this.#models.add(model);
  }

  /** A user line of which only this much is known: it is no prompt. */
  addOther(): void {
    this.#messages += 1;
  }

  /** Texts of the prompts; a slash command that has output never reached the model. */
  #turns(): string[] {
    return [...this.#prompts].flatMap(([uuid, text]) =>
      this.#answeredLocally.has(uuid) && text.startsWith('/') ? [] : text,
    );
  }

  /** True where the file holds no message at all: nothing to list. */
  get isEmpty(): boolean {
    return this.#messages === 0;
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
    const firstPrompt = turns.find((prompt) => prompt !== '');
    const title = this.#customTitle ?? file.customTitle ?? this.#aiTitle ?? firstPrompt ?? 'Untitled session';
    return {
      sessionId: sessionIdSchema.parse(file.sessionId),
      file: file.file,
      projectPath: this.#projectPath,
      title: oneLine(title),
      turns: turns.length,
      firstAt: this.#firstAt,
      lastAt: this.#lastAt,
      bytes: file.bytes,
      models: [...this.#models],
      costUsd: this.#costUsd,
      gitBranch: this.#gitBranch,
      version: this.#version,
      problems: file.problems,
      modifiedAt: file.modifiedAt ?? null,
      roots: [...new Set(this.#roots)],
      forkedFrom: this.#forkedFrom === null ? null : { sessionId: this.#forkedFrom, messageUuid: null },
      ...noSurroundings,
    };
  }
}
