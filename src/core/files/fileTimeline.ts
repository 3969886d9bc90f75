// src/core/files: what a session's files held at its turns, and how surely. Bytes come by ports: no disk, no git, no
// search.

import { groupBy } from '../groupBy.ts';
import type { TurnId } from '../ids.ts';
import type { ChainNode } from '../session/messageChain.ts';
import type { TurnOutline } from '../session/recordedSession.ts';
import { holdsMessage } from '../session/transcriptEntry.ts';
import { recordsOnPath } from '../session/turnTree.ts';
import { type Base, type Candidate, checkpointBase, doubts, preference } from './fileCandidate.ts';
import {
  type CheckpointEvent,
  type EditEvent,
  type FileEvent,
  type FileRecords,
  fileEvents,
  type Unrecorded,
} from './fileEvents.ts';
import type { FileCut, Side } from './fileState.ts';
import { type StartState, startState } from './startState.ts';

/** What happened to files in one turn. */
export interface TurnActivity {
  edits: readonly EditEvent[];
  /** What ran in it that may have changed any file. */
  unrecorded: ReadonlySet<Unrecorded>;
  hasUntrackedChanges: boolean;
}

/** A place in the transcript. */
interface Moment {
  at: number;
  /** Gap before the turn that follows, where the moment is the end of a turn. */
  nextGap: number | null;
}

interface Line {
  own: ReadonlySet<ChainNode>;
  /** Places between its turns, where anybody may have changed anything. */
  gaps: readonly number[];
}

const triedBackward = 6;

/**
 * What a recording says of the files that a session touched, at every turn, along the turn's own branch. It holds no
 * contents: `candidates` says where those may come from.
 */
export class FileTimeline {
  readonly start: StartState;
  readonly refused: number;
  readonly #records: FileRecords & { turns: readonly TurnOutline[] };
  readonly #events: readonly FileEvent[];
  readonly #byPath: ReadonlyMap<string, FileEvent[]>;
  readonly #anyFile: readonly FileEvent[];
  readonly #orderOf: ReadonlyMap<ChainNode, number>;
  readonly #untracked: ReadonlySet<string>;
  readonly #lines = new Map<TurnOutline, Line>();
  readonly #byId: ReadonlyMap<TurnId, TurnOutline>;
  readonly #firstChild = new Map<TurnId, TurnOutline>();
  readonly #lastOf: ReadonlyMap<TurnOutline | null, number>;

  constructor(records: FileRecords & { turns: readonly TurnOutline[] }) {
    const { events, orderOf, untracked, refused } = fileEvents(records);
    this.#records = records;
    this.#events = events;
    this.#byPath = groupBy(
      events.filter(({ path }) => path !== null),
      ({ path }) => path as string,
    );
    this.#anyFile = events.filter(({ path }) => path === null);
    this.#orderOf = orderOf;
    this.#untracked = untracked;
    this.refused = refused;
    this.start = startState(records.entries, records.folder);
    this.#byId = new Map(records.turns.map((turn) => [turn.turnId, turn]));
    for (const turn of records.turns)
      if (turn.parentTurnId !== null && !this.#firstChild.has(turn.parentTurnId))
        this.#firstChild.set(turn.parentTurnId, turn);
    const last = new Map<TurnOutline | null, number>();
    for (const [node, turn] of records.turnOf) last.set(turn, Math.max(last.get(turn) ?? 0, orderOf.get(node) ?? 0));
    this.#lastOf = last;
  }

  /** Whether a message belongs to the turn. */
  isIn(turn: TurnOutline, uuid: string): boolean {
    const node = this.#records.chain.byUuid.get(uuid);
    return node !== undefined && this.#records.turnOf.get(node) === turn;
  }

  /** Absolute paths of the files that the line of the turn touched, before, in or after it; sorted. */
  paths(turn: TurnOutline, until?: FileCut): string[] {
    const { own } = this.#line(turn, until);
    const touched = (event: FileEvent) => event.kind !== 'unrecorded' && own.has(event.node);
    return [...this.#byPath].flatMap(([path, events]) => (events.some(touched) ? path : [])).sort();
  }

  activity(turn: TurnOutline, until?: FileCut): TurnActivity {
    const end = until === undefined ? Number.POSITIVE_INFINITY : this.#at(until);
    const { own } = this.#line(turn, until);
    const isBefore = (event: FileEvent) => until === undefined || (event.order < end && own.has(event.node));
    const events = this.#events.filter((event) => this.#records.turnOf.get(event.node) === turn && isBefore(event));
    const unrecorded = events.filter((event) => event.kind === 'unrecorded');
    return {
      edits: events.filter((event) => event.kind === 'edit'),
      unrecorded: new Set(unrecorded.flatMap(({ cause, path }) => (path === null && cause !== 'branch' ? cause : []))),
      hasUntrackedChanges: this.#untracked.has(turn.turnId),
    };
  }

  /** The ways to find out what the file held before or after the turn, best first. @param until where the turn is taken to end */
  candidates(path: string, turn: TurnOutline, side: Side, until?: FileCut): Candidate[] {
    const end = until === undefined ? this.#end(turn) : { at: this.#at(until), nextGap: null };
    const moment = side === 'before' ? { at: this.#promptOrder(turn) - 0.5, nextGap: null } : end;
    return this.#candidatesAt(path, moment, this.#line(turn, until)).sort(
      (a, b) => a.doubt - b.doubt || preference(a) - preference(b),
    );
  }

  #end(turn: TurnOutline): Moment {
    const next = this.#next(turn);
    const end = (this.#lastOf.get(turn) ?? 0) + 0.5;
    if (next === null) return { at: end, nextGap: null };
    const prompt = this.#promptOrder(next);
    return { at: Math.min(end, prompt - 0.9), nextGap: prompt - 0.75 };
  }

  /** Records of the turn's line before a moment, in file order. */
  recordsBefore(turn: TurnOutline, side: Side, until?: FileCut): ChainNode[] {
    const end = until === undefined ? this.#end(turn).at : this.#at(until);
    const moment = side === 'before' ? this.#promptOrder(turn) - 0.5 : end;
    const { own } = this.#line(turn, until);
    return this.#records.chain.nodes.filter((node) => own.has(node) && (this.#orderOf.get(node) ?? 0) < moment);
  }

  /**
   * Place of a moment within a turn. What Claude Code noted behind a message without saying it to the model, that hooks ran above
   * all, was before the next request.
   */
  #at({ kind, uuid }: FileCut): number {
    const { chain, turnOf } = this.#records;
    const node = chain.byUuid.get(uuid);
    if (node === undefined) return 0;
    if (kind === 'before') return (this.#orderOf.get(node) ?? 0) - 0.9;
    let last = node;
    for (const next of chain.nodes.slice(node.order + 1)) {
      if (holdsMessage(next.entry) || turnOf.get(next) !== turnOf.get(node)) break;
      last = next;
    }
    return (this.#orderOf.get(last) ?? 0) + 0.1;
  }

  #promptOrder(turn: TurnOutline): number {
    const node = this.#records.chain.byUuid.get(turn.turnId);
    return node === undefined ? 0 : (this.#orderOf.get(node) ?? 0);
  }

  /** The turn that first went on from this one. */
  #next(turn: TurnOutline): TurnOutline | null {
    return this.#firstChild.get(turn.turnId) ?? null;
  }

  #line(turn: TurnOutline, until?: FileCut): Line {
    const line = this.#lineOf(turn);
    const node = until === undefined ? undefined : this.#records.chain.byUuid.get(until.uuid);
    // A reply that was tried again, or a turn that was left in the middle: what stands there is on no turn's line.
    if (node === undefined || line.own.has(node)) return line;
    return { own: recordsOnPath(this.#records.chain, node), gaps: line.gaps };
  }

  #lineOf(turn: TurnOutline): Line {
    const known = this.#lines.get(turn);
    if (known !== undefined) return known;
    const turns = [turn];
    for (let at = this.#parent(turn); at !== null; at = this.#parent(at)) turns.unshift(at);
    const later: TurnOutline[] = [];
    for (let at = this.#next(turn); at !== null; at = this.#next(at)) later.push(at);
    const own = recordsOnPath(this.#records.chain, this.#lastNode(later.at(-1) ?? turn));
    const gaps = [...turns, ...later].slice(1).map((each) => this.#promptOrder(each) - 0.75);
    const line = { own, gaps };
    for (const each of [turn, ...later]) this.#lines.set(each, line);
    return line;
  }

  #parent(turn: TurnOutline): TurnOutline | null {
    return turn.parentTurnId === null ? null : (this.#byId.get(turn.parentTurnId) ?? null);
  }

  #lastNode(turn: TurnOutline): ChainNode | null {
    const last = this.#records.chain.nodes.findLast((node) => this.#records.turnOf.get(node) === turn);
    return last ?? null;
  }

  #candidatesAt(path: string, moment: Moment, line: Line): Candidate[] {
    const events = this.#byPath.get(path) ?? [];
    const own = (event: FileEvent) => line.own.has(event.node);
    const edits = events.filter((event) => event.kind === 'edit' && own(event)) as EditEvent[];
    const found: Candidate[] = [];
    const add = (base: Base, at: number, first: EditEvent | null, more: number): void => {
      const replayed = edits.filter(
        ({ order }) => order < moment.at && (first === null ? order > at : order >= first.order),
      );
      found.push(this.#candidate(path, line, moment, { base, at, edits: at < moment.at ? replayed : [], more }));
    };
    const before = events.filter((event) => own(event) && event.order < moment.at);
    for (const event of before.slice(-triedBackward)) {
      if (event.kind === 'checkpoint') add(checkpointBase(event), event.order, null, 0);
      if (event.kind === 'edit') this.#addEditBases(event, add);
    }
    const copy = before.findLast((event) => event.kind === 'checkpoint');
    if (copy !== undefined && before.indexOf(copy) < before.length - triedBackward)
      add(checkpointBase(copy as CheckpointEvent), copy.order, null, 0);
    this.#addLater(events, moment.at, own, add);
    if (this.start.changed?.has(path) !== true && !this.#inChangedFolder(path))
      add({ kind: 'commit' }, -1, null, doubts.commit + (this.start.changed === null ? doubts.commitWithoutStatus : 0));
    return found;
  }

  #inChangedFolder(path: string): boolean {
    return [...(this.start.changed ?? [])].some((folder) => path.startsWith(`${folder}/`));
  }

  #addEditBases(event: EditEvent, add: (base: Base, at: number, first: EditEvent | null, more: number) => void): void {
    const { original, isWhole, order } = event;
    if (original === 'absent') add({ kind: 'absent', by: 'edit' }, order - 0.1, event, 0);
    else if (original === 'text') add({ kind: 'text', of: event }, order - 0.1, event, doubts.lossy);
    else if (isWhole) add({ kind: 'written' }, order - 0.1, event, doubts.lossy);
  }

  /** What is recorded behind the moment says what the file held, as long as the session has not changed it before. */
  #addLater(
    events: readonly FileEvent[],
    moment: number,
    own: (event: FileEvent) => boolean,
    add: (base: Base, at: number, first: EditEvent | null, more: number) => void,
  ): void {
    const copied = { own: false, other: false };
    for (const event of events) {
      if (event.order < moment || event.kind === 'unrecorded') continue;
      if (event.kind === 'checkpoint') {
        const whose = own(event) ? 'own' : 'other';
        // Behind the first copy of each kind come later states. The text of the next edit stays of use: copies get lost.
        if (!copied.own && !copied[whose])
          add(checkpointBase(event), event.order, null, whose === 'own' ? 0 : doubts.otherBranch);
        copied[whose] = true;
      } else {
        if (!own(event)) continue;
        if (event.original === 'absent') add({ kind: 'absent', by: 'edit' }, event.order, null, 0);
        else if (event.original === 'text') add({ kind: 'text', of: event }, event.order, null, doubts.lossy);
        return;
      }
    }
  }

  #candidate(
    path: string,
    line: Line,
    moment: Moment,
    known: { base: Base; at: number; edits: EditEvent[]; more: number },
  ): Candidate {
    const [from, to] = known.at < moment.at ? [known.at, moment.at] : [moment.at, known.at];
    const between = new Set<Unrecorded>();
    for (const event of [...within(this.#anyFile, from, to), ...within(this.#byPath.get(path) ?? [], from, to)]) {
      if (event.kind === 'unrecorded') between.add(line.own.has(event.node) ? event.cause : 'branch');
      else if (event.kind === 'edit' && !line.own.has(event.node)) between.add('branch');
    }
    const crossed = line.gaps.filter((gap) => gap > from && gap < to);
    const gaps = crossed.length > 0 ? doubts.gap : 0;
    const modified = known.edits.some(({ userModified }) => userModified) ? doubts.edited : 0;
    const other = between.has('branch') ? doubts.otherBranch : 0;
    const unrecorded = between.size > (other > 0 ? 1 : 0) ? doubts.unrecorded : 0;
    return {
      base: known.base,
      edits: known.edits,
      doubt: known.more + gaps + modified + other + unrecorded,
      between: [...between],
      isEarlier: known.at < moment.at,
      isAtNextPrompt: crossed.length === 1 && crossed[0] === moment.nextGap && known.more === 0 && between.size === 0,
    };
  }
}

/** Events between two places, both excluded. @param events in their order */
function within(events: readonly FileEvent[], from: number, to: number): FileEvent[] {
  let low = 0;
  for (let high = events.length; low < high; ) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.order ?? 0) <= from) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < events.length && (events[end]?.order ?? to) < to) end += 1;
  return events.slice(low, end);
}
