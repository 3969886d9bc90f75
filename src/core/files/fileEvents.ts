import { recordField, textField } from '../session/jsonRecord.ts';
import type { ChainNode, MessageChain } from '../session/messageChain.ts';
import type { TranscriptEntry } from '../session/transcriptEntry.ts';
import type { TurnOfNode } from '../session/turnTree.ts';
import { absolutePath } from './filePaths.ts';
import { type CheckpointRecord, isCheckpointType, recordedCheckpoint } from './recordedCheckpoint.ts';
import { editTools, type RecordedEdit, recordedEdit } from './recordedEdit.ts';
import { TrackedPaths } from './trackedPaths.ts';

/** What may change files without a record of what it changed; `branch` is what another branch of the session did. */
export type Unrecorded = 'shell' | 'hook' | 'subagent' | 'tool' | 'outside' | 'branch';

interface Placed {
  /** Place in the transcript: index of the record, moved a little to say before or after it. */
  order: number;
  /** Record whose branch it lies on. */
  node: ChainNode;
}

/** A copy of the file as it was at this place. */
export interface CheckpointEvent extends Placed {
  kind: 'checkpoint';
  path: string;
  /** Name of the copy; null where there was no file. */
  name: string | null;
}

/** A recorded edit. Its texts stay in the transcript: a long session edits many megabytes. */
export interface EditEvent extends Placed {
  kind: 'edit';
  path: string;
  /** Line of the transcript that has it, 1-based. */
  line: number;
  /** Whether the file before is recorded: `absent` where there was none, null where it isn't. */
  original: 'text' | 'absent' | null;
  /** It says what the whole file was afterwards. */
  isWhole: boolean;
  /** A person changed the edit before allowing it. */
  userModified: boolean;
  /** Reads it; null where the transcript has changed since. */
  read(): RecordedEdit | null;
}

export interface UnrecordedEvent extends Placed {
  kind: 'unrecorded';
  cause: Unrecorded;
  /** Null where any file may have changed. */
  path: string | null;
}

export type FileEvent = CheckpointEvent | EditEvent | UnrecordedEvent;

/** A subagent's records, with the call that started it. */
export interface AgentRecords {
  toolUseId: string | null;
  entries: readonly TranscriptEntry[];
}

export interface FileRecords {
  /** Of the session's file, in file order. */
  entries: readonly TranscriptEntry[];
  chain: MessageChain;
  turnOf: TurnOfNode;
  agents: readonly AgentRecords[];
  /** Folder that the session ran in. */
  folder: string | null;
}

export interface FileEvents {
  /** In their order. */
  events: FileEvent[];
  orderOf: ReadonlyMap<ChainNode, number>;
  /** `uuid`s of the prompts in whose turns Claude Code saw changes to files that it keeps no copies of. */
  untracked: ReadonlySet<string>;
  /** Paths that a recording names but no file can have. */
  refused: number;
}

// Tools that only read, ask or plan. Whatever is not named here, a tool of an MCP server for example, may change files.
const harmless = new Set([
  'Read',
  'Glob',
  'Grep',
  'LS',
  'NotebookRead',
  'TodoWrite',
  'TodoRead',
  'WebFetch',
  'WebSearch',
  'ToolSearch',
  'AskUserQuestion',
  'EnterPlanMode',
  'ExitPlanMode',
  'exit_plan_mode',
  'ListMcpResourcesTool',
  'ReadMcpResourceTool',
  'TaskCreate',
  'TaskGet',
  'TaskList',
  'TaskUpdate',
  'LSP',
]); // prettier-ignore
/** Tools whose results are outputs of shell commands. */
export const shells: ReadonlySet<string> = new Set([
  'Bash',
  'PowerShell',
  'BashOutput',
  'KillShell',
  'KillBash',
  'TaskOutput',
  'TaskStop',
  'Monitor',
]);
const agentTools = new Set(['Agent', 'Task']);

interface Call {
  name: string;
  id: string;
  node: ChainNode;
}

/** Collects everything that a session's records say of files. */
class EventCollector {
  readonly events: FileEvent[] = [];
  readonly untracked = new Set<string>();
  readonly orderOf = new Map<ChainNode, number>();
  refused = 0;
  readonly #calls = new Map<string, Call>();
  readonly #answered = new Set<string>();
  readonly #checkpoints: CheckpointRecord[] = [];
  /** Paths of edits by the `uuid` of their call's record. */
  readonly #editOfCall = new Map<string, EditEvent>();
  readonly #knownAgents: ReadonlySet<string>;
  #times: { order: number; time: number }[] | null = null;

  constructor(private readonly records: FileRecords) {
    const readable = records.agents.filter(({ entries }) => entries.length > 0);
    this.#knownAgents = new Set(readable.flatMap(({ toolUseId }) => toolUseId ?? []));
  }

  collect(): FileEvents {
    this.records.entries.forEach((entry, order) => {
      const node = entry.uuid === null ? undefined : this.records.chain.byUuid.get(entry.uuid);
      if (node !== undefined) this.orderOf.set(node, order);
      if (isCheckpointType(entry.type)) this.#addCheckpoint(entry);
      else if (node !== undefined) this.#addRecord(entry, node, order);
    });
    for (const call of this.#calls.values()) {
      if (!this.#answered.has(call.id)) this.#addCall(call, this.orderOf.get(call.node) ?? 0);
    }
    this.#addAgents();
    this.#placeCheckpoints();
    this.events.sort((a, b) => a.order - b.order);
    return { events: this.events, orderOf: this.orderOf, untracked: this.untracked, refused: this.refused };
  }

  #addCheckpoint(entry: TranscriptEntry): void {
    const checkpoint = recordedCheckpoint(entry.record);
    if (checkpoint === null) return;
    if (checkpoint.hasUntrackedChanges) this.untracked.add(checkpoint.prompt);
    this.#checkpoints.push(checkpoint);
  }

  #addRecord(entry: TranscriptEntry, node: ChainNode, order: number): void {
    const { facts } = entry;
    for (const { id, name } of facts.toolUses) this.#calls.set(id, { id, name, node });
    for (const { id, isError } of facts.toolResults) {
      const call = this.#calls.get(id);
      if (call === undefined || this.#answered.has(id)) continue;
      this.#answered.add(id);
      if (!editTools.has(call.name)) this.#addCall(call, order);
      else if (!isError) this.#addEdit(entry, node, order, call.node);
    }
    if (entry.type === 'attachment') this.#addAttachment(entry, node, order);
    else if (entry.type === 'user' && isPersonsCommand(entry)) this.#unrecorded('shell', null, node, order);
  }

  #addCall({ name, id, node }: Call, order: number): void {
    if (harmless.has(name) || editTools.has(name)) return;
    if (agentTools.has(name) && this.#knownAgents.has(id)) return;
    this.#unrecorded(shells.has(name) ? 'shell' : agentTools.has(name) ? 'subagent' : 'tool', null, node, order);
  }

  #addAttachment(entry: TranscriptEntry, node: ChainNode, order: number): void {
    const subtype = entry.facts.subtype ?? '';
    if (subtype.startsWith('hook_')) this.#unrecorded('hook', null, node, order);
    if (subtype !== 'edited_text_file') return;
    const name = textField(recordField(entry.record, 'attachment'), 'filename');
    const path = name === null ? null : absolutePath(this.records.folder, name);
    if (path !== null) this.#unrecorded('outside', path, node, order);
  }

  #unrecorded(cause: Unrecorded, path: string | null, node: ChainNode, order: number): void {
    this.events.push({ kind: 'unrecorded', cause, path, node, order });
  }

  #addEdit(entry: TranscriptEntry, node: ChainNode, order: number, call: ChainNode | null): void {
    const edit = recordedEdit(entry.record.toolUseResult);
    if (edit === null) {
      // Older versions don't record what a tool made of a notebook, only which one it was told to change.
      this.#unrecorded('tool', this.#askedPath(call ?? node, entry), node, order);
      return;
    }
    const path = absolutePath(this.records.folder, edit.path);
    if (path === null) {
      this.refused += 1;
      return;
    }
    const event: EditEvent = {
      kind: 'edit',
      path,
      node,
      order,
      line: entry.line,
      original: edit.original === null || edit.original === 'absent' ? edit.original : 'text',
      isWhole: edit.change.kind === 'write',
      userModified: edit.userModified,
      read: () => recordedEdit(entry.record.toolUseResult),
    };
    this.events.push(event);
    if (call !== null) this.#editOfCall.set(call.entry.uuid, event);
  }

  /** The file that the call behind a result was to change; null where that isn't known either. */
  #askedPath(call: ChainNode, { facts }: TranscriptEntry): string | null {
    const isAsked = (id: unknown) => facts.toolResults.some((result) => result.id === id);
    const input = call.entry.message?.content.find((block) => block.type === 'tool_use' && isAsked(block.id))?.input;
    if (input === null || typeof input !== 'object' || Array.isArray(input)) return null;
    const path = textField(input, 'notebook_path') ?? textField(input, 'file_path');
    return path === null ? null : absolutePath(this.records.folder, path);
  }

  /** Subagents, and those that they started in turn: all of it happened under the session's own call. */
  #addAgents(): void {
    const callOf = new Map([...this.#calls.values()].map(({ id, node }) => [id, node]));
    const left = new Set(this.records.agents);
    for (let placed = true; placed; ) {
      placed = false;
      for (const agent of left) {
        const node = callOf.get(agent.toolUseId ?? '');
        if (node === undefined) continue;
        for (const { facts } of agent.entries) for (const { id } of facts.toolUses) callOf.set(id, node);
        this.#addAgent(agent, node);
        left.delete(agent);
        placed = true;
      }
    }
  }

  /** A subagent's records lie in a file of their own; time says where they belong. */
  #addAgent({ entries }: AgentRecords, call: ChainNode): void {
    const names = new Map<string, string>();
    const start = this.orderOf.get(call) ?? 0;
    entries.forEach((entry, index) => {
      for (const { id, name } of entry.facts.toolUses) names.set(id, name);
      for (const { id, isError } of entry.facts.toolResults) {
        const name = names.get(id) ?? '';
        const order = this.#orderAt(entry.timestamp, start) + index / (entries.length * 4);
        if (editTools.has(name)) {
          if (!isError) this.#addEdit(entry, call, order, null);
        } else this.#addCall({ id, name, node: call }, order);
      }
    });
  }

  /** Just behind the last record that is older, but not before `start`. */
  #orderAt(timestamp: string | null, start: number): number {
    const at = timestamp === null ? Number.NaN : Date.parse(timestamp);
    if (Number.isNaN(at)) return start + 0.5;
    this.#times ??= timesOf(this.records.entries);
    let low = 0;
    for (let high = this.#times.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((this.#times[middle]?.time ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    return Math.max(start, this.#times[low - 1]?.order ?? 0) + 0.3;
  }

  #placeCheckpoints(): void {
    const known = new Set<string>();
    const seen = new Set<string>();
    const edited = new Set(this.events.flatMap((event) => (event.kind === 'edit' ? event.path : [])));
    const pathOf = (call: string) => this.#editOfCall.get(call)?.path;
    const paths = new TrackedPaths(this.records.folder, this.#checkpoints, edited, pathOf);
    for (const { prompt, call, backups } of this.#checkpoints) {
      const node = this.records.chain.byUuid.get(prompt);
      if (node === undefined) continue;
      for (const backup of backups) {
        const path = paths.resolve(backup.trackingPath, backup.realFolder);
        const key = `${prompt} ${path}`;
        // Later records of the same prompt say again what the first one said.
        if (path === null || known.has(key)) continue;
        known.add(key);
        const isFirst = backup.atFirstChange || call !== null;
        const prompted = this.orderOf.get(node) ?? 0;
        const order = isFirst ? this.#firstChange(node, path, call) : prompted - 0.5;
        this.events.push({ kind: 'checkpoint', path, name: backup.name, node, order });
        // A fork leaves out what other branches did, but Claude Code goes on to copy the files that they touched.
        if (!isFirst && !seen.has(path) && !this.#isEditedBefore(path, prompted))
          this.#unrecorded('branch', null, node, prompted - 0.8);
        seen.add(path);
      }
    }
  }

  #isEditedBefore(path: string, order: number): boolean {
    return this.events.some((event) => event.kind === 'edit' && event.path === path && event.order < order);
  }

  /** Right before the file's first change in the turn. */
  #firstChange(prompt: ChainNode, path: string, call: string | null): number {
    const edit = call === null ? undefined : this.#editOfCall.get(call);
    if (edit?.path === path) return edit.order - 0.25;
    const callNode = call === null ? undefined : this.records.chain.byUuid.get(call);
    if (callNode !== undefined) return (this.orderOf.get(callNode) ?? 0) + 0.25;
    const turn = this.records.turnOf.get(prompt);
    const inTurn = (node: ChainNode) => this.records.turnOf.get(node) === turn;
    const first = this.events.find((event) => event.kind === 'edit' && event.path === path && inTurn(event.node));
    if (first !== undefined) return first.order - 0.25;
    const last = this.records.chain.nodes.findLast(inTurn) ?? prompt;
    return (this.orderOf.get(last) ?? 0) + 0.25;
  }
}

/** Times of the records, never falling: clocks are set back sometimes. */
function timesOf(entries: readonly TranscriptEntry[]): { order: number; time: number }[] {
  let latest = 0;
  return entries.flatMap(({ uuid, timestamp }, order) => {
    if (uuid === null || timestamp === null) return [];
    latest = Math.max(latest, Date.parse(timestamp));
    return { order, time: latest };
  });
}

/** A command that the person typed behind `!`. */
function isPersonsCommand(entry: TranscriptEntry): boolean {
  // Only what may be one is read whole.
  if (entry.facts.prompt?.text.startsWith('! ') !== true) return false;
  return entry.message?.content.some(({ text }) => typeof text === 'string' && /^\s*<bash-input>/.test(text)) ?? false;
}

/** Everything that a session's records say of files, in order. */
export function fileEvents(records: FileRecords): FileEvents {
  return new EventCollector(records).collect();
}
