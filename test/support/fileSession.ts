import { createHash } from 'node:crypto';
import type { FileCut, RecordedCommit, Side, TurnFile, TurnFiles } from '../../src/core/files/fileState.ts';
import { FileTimeline } from '../../src/core/files/fileTimeline.ts';
import type { FileSources, StoredFile } from '../../src/core/files/resolveFile.ts';
import { SessionFiles } from '../../src/core/files/turnFiles.ts';
import type { SubagentFile } from '../../src/core/session/turnTree.ts';
import { type Line, TranscriptBuilder } from './transcript.ts';

/** Bytes of a text, or the bytes themselves. */
export function bytes(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? new TextEncoder().encode(content) : content;
}

export function utf16(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(`\uFEFF${text}`, 'utf16le'));
}

export function sha256OfBytes(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

interface EditOptions {
  /** As recorded; null as for long files. */
  original?: string | null;
  patch?: Line[];
  more?: Line;
  id?: string;
}

/** A made-up session whose tools change files, with the copies that Claude Code would have made. */
export class FileSession {
  readonly transcript: TranscriptBuilder;
  readonly copies = new Map<string, StoredFile>();
  readonly committed = new Map<string, Uint8Array>();
  /** Null: there is no repository. */
  commit: string | null = null;
  readonly agents: SubagentFile[] = [];
  #calls = 0;
  #seconds = 0;

  constructor(cwd = '/work/slug') {
    this.transcript = new TranscriptBuilder({ cwd });
  }

  prompt(text = 'Go on.'): string {
    return this.transcript.prompt(text);
  }

  say(text = 'Done.'): string {
    return this.transcript.reply(text).at(-1) ?? '';
  }

  /** A call with its result; returns the `uuid` of the call's line and of the result's. */
  call(name: string, toolUseResult: unknown, fields: Line = {}): [call: string, result: string] {
    this.#calls += 1;
    const id = `toolu_${this.#calls}`;
    const [call = ''] = this.transcript.reply(null, [{ id, name, result: null }]);
    const content = [{ type: 'tool_result', tool_use_id: id, content: 'done', ...fields }];
    const message = { role: 'user', content };
    const result = this.transcript.chained('user', { message, toolUseResult, sourceToolAssistantUUID: call }, call);
    return [call, result];
  }

  bash(): void {
    this.call('Bash', { stdout: '', stderr: '' });
  }

  create(filePath: string, content: string): [string, string] {
    return this.call('Write', { type: 'create', filePath, content, structuredPatch: [], originalFile: null });
  }

  overwrite(
    filePath: string,
    content: string,
    { original = null, patch = [], more }: EditOptions = {},
  ): [string, string] {
    const result = { type: 'update', filePath, content, structuredPatch: patch, originalFile: original };
    return this.call('Write', { ...result, ...more });
  }

  edit(filePath: string, oldString: string, newString: string, options: EditOptions = {}): [string, string] {
    const { original = null, patch = [], more } = options;
    const result = {
      filePath,
      oldString,
      newString,
      replaceAll: false,
      originalFile: original,
      structuredPatch: patch,
    };
    return this.call('Edit', { ...result, ...more });
  }

  attachment(attachment: Line): void {
    this.transcript.chained('attachment', { attachment });
  }

  gitStatus(status: string, commit = 'abc1234'): void {
    const gitStatus = `Current branch: main\n\nStatus:\n${status}\n\nRecent commits:\n${commit} Start`;
    this.attachment({ type: 'session_context', context: { gitStatus } });
  }

  /** What Claude Code copied at a prompt: names of copies by path, null where there was no file. */
  snapshot(prompt: string, backups: Record<string, string | null>, more: Line = {}): void {
    const trackedFileBackups = Object.fromEntries(
      Object.entries(backups).map(([path, name]) => [path, this.#backup(name, 2, 1)]),
    );
    const snapshot = { messageId: prompt, trackedFileBackups, timestamp: this.#time(2), ...more };
    this.transcript.unchained('file-history-snapshot', { messageId: prompt, snapshot, isSnapshotUpdate: false });
  }

  /** What it copied before the first change of a file in a turn. */
  delta(prompt: string, call: string, trackingPath: string, name: string | null, more: Line = {}): void {
    const backup = { ...this.#backup(name, 1, 3), ...more };
    this.transcript.unchained('file-history-delta', {
      messageId: call,
      snapshotMessageId: prompt,
      trackingPath,
      backup,
    });
  }

  copy(name: string, content: string | Uint8Array, mode = 0o644): string {
    this.copies.set(name, { bytes: bytes(content), mode, ref: name });
    return name;
  }

  async at(turn: number, until?: FileCut): Promise<TurnFiles> {
    return this.#files().at(turn, this.sources(), until);
  }

  commitAt(turn: number, side: Side, until?: FileCut): RecordedCommit {
    return this.#files().commit(turn, side, until);
  }

  /** One file beside a turn. */
  async file(turn: number, path: string): Promise<TurnFile> {
    const { files } = await this.at(turn);
    const found = files.find((file) => file.path === path);
    if (found === undefined) throw new Error(`No ${path} among ${files.map((file) => file.path).join(', ')}`);
    return found;
  }

  /** `exact checkpoint: text`, `likely git: none` or `unknown`. */
  async told(turn: number, path: string, side: 'before' | 'after'): Promise<string> {
    const state = (await this.file(turn, path))[side];
    if (state.kind === 'unknown') return 'unknown';
    const content = await this.#files().content(turn, path, side, this.sources());
    const shown =
      content === null ? 'none' : JSON.stringify(new TextDecoder('utf-8', { ignoreBOM: true }).decode(content));
    return `${state.certainty} ${state.source}: ${shown}`;
  }

  async content(turn: number, path: string, side: Side, until?: FileCut): Promise<Uint8Array | null> {
    return this.#files().content(turn, path, side, this.sources(), until);
  }

  sources(): FileSources {
    return {
      checkpoint: async (name) => this.copies.get(name) ?? null,
      committed: async (path) => {
        if (this.commit === null) return { unknown: 'There is no repository.' };
        const ref = `${this.commit}:${path}`;
        const content = this.committed.get(path);
        return content === undefined ? { absent: true, ref } : { bytes: content, mode: 0o644, ref };
      },
    };
  }

  #files(): SessionFiles {
    const { chain, turnOf, session } = this.transcript.tree(this.agents);
    const callOf = new Map(session.subagents.map(({ agentId, toolUseId }) => [agentId, toolUseId]));
    const agents = this.agents.map(({ agentId, transcript }) => ({
      toolUseId: callOf.get(agentId) ?? null,
      entries: transcript.entries,
    }));
    const folder = this.transcript.cwd;
    const { entries } = this.transcript.parsed();
    const timeline = new FileTimeline({ entries, chain, turnOf, agents, folder, turns: session.turns });
    return new SessionFiles(timeline, session.turns, folder, sha256OfBytes);
  }

  #backup(backupFileName: string | null, version: number, at: number): Line {
    return { backupFileName, version, backupTime: this.#time(at), realParentDir: null };
  }

  /** Later copies have later times. */
  #time(second: number): string {
    this.#seconds += 10;
    return new Date(Date.UTC(2026, 0, 1, 9, 0, this.#seconds + second)).toISOString();
  }
}
