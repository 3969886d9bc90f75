// src/adapters/sessions/outline: outlines of long sessions, put into the cache and taken from it. A cache only:
// whatever it holds is rebuilt from the file.

import type { ForkContext } from '../../../core/fork/forkContext.ts';
import type { ForkPoint } from '../../../core/fork/forkRequest.ts';
import { knownCuts } from '../../../core/fork/knownCuts.ts';
import type { ChainNode } from '../../../core/session/messageChain.ts';
import type { ParsedTranscript } from '../../../core/session/parseTranscript.ts';
import type { RecordedSession, Turn, TurnOutline } from '../../../core/session/recordedSession.ts';
import { type GatheredSummary, SessionSummaryBuilder } from '../../../core/session/sessionSummary.ts';
import { readEntry, type TranscriptEntry } from '../../../core/session/transcriptEntry.ts';
import { stepsOf } from '../../../core/session/turnSteps.ts';
import type { SessionTree, TranscriptFile } from '../../../core/session/turnTree.ts';
import type { Sha256 } from '../../../core/sha256.ts';
import type { FileStamp } from '../../fileStamp.ts';
import { type LineSource, StoredEntry } from '../lineSource.ts';
import type { Outlines, Part } from './outlineIndex.ts';
import { cachedEntries } from './storedOutlines.ts';
import { partsOfTurns, StoredTurns } from './storedTurns.ts';

/** With more records than these it is better to have all: they serve the next question, too. */
const mostForOne = 8192;

/** What another process needs to show a session's turns without going through its records. */
export interface StoredSession {
  state: FileStamp;
  /** Whatever changes when a file of its subagents does. */
  subagentState: string;
  summary: GatheredSummary;
  rest: Omit<RecordedSession, 'summary' | 'turns'>;
  /** How many turns it has. */
  turns: number;
}

/** The records that hold a turn's contents, in the order in which `wholeTurn` is to meet them. */
function recordsWithContents({ chain, recordsOf, prompts }: SessionTree, turn: TurnOutline): StoredEntry[] {
  const prompt = prompts.get(turn.turnId);
  const own = recordsOf(turn).filter((node) => node.entry.type === 'assistant' || node === prompt);
  const results = turn.steps.flatMap((step) =>
    step.toolCalls.flatMap(({ result }) => chain.byUuid.get(result?.uuid ?? '') ?? []),
  );
  return [...new Set([...own, ...results])].map(({ entry }) => entry as unknown as StoredEntry);
}

/**
 * What is to be cached of a session, in parts.
 * @param transcript all of it
 * @param states of its files when they were read
 * @returns yields nothing where some of its records don't stand in the file as they are
 */
export function* partsOfSession(
  tree: SessionTree,
  { entries, summary }: ParsedTranscript,
  states: Pick<StoredSession, 'state' | 'subagentState'>,
): Generator<Part, void> {
  if (entries.some((entry) => !(entry instanceof StoredEntry))) return;
  // Nor do prompts that were put together of several lines.
  if (tree.chain.nodes.some(({ entry }) => !((entry as TranscriptEntry) instanceof StoredEntry))) return;
  const { turns, summary: _summary, ...rest } = tree.session;
  const session: StoredSession = {
    ...states,
    summary: summary.gathered(),
    rest,
    turns: turns.length,
  };
  yield ['session', session];
  const records = turns.map((turn) => recordsWithContents(tree, turn));
  yield* partsOfTurns(turns, records, knownCuts(tree, entries), states.state);
}

/** A session that another process has understood. Its contents, and the records that a question needs, are read from disk. */
export class CachedSession {
  readonly session: RecordedSession;
  readonly #source: LineSource;
  readonly #turns: StoredTurns;
  readonly #beginning: (records: number) => StoredEntry[] | null;

  private constructor(
    session: RecordedSession,
    turns: StoredTurns,
    source: LineSource,
    beginning: (records: number) => StoredEntry[] | null,
  ) {
    this.session = session;
    this.#turns = turns;
    this.#source = source;
    this.#beginning = beginning;
  }

  /** Null where its turns are not known any more. @param source reads the contents of its file */
  static from(stored: StoredSession, origin: TranscriptFile, source: LineSource, outlines: Outlines) {
    const { state, summary: gathered, rest, turns: count } = stored;
    const storedTurns = new StoredTurns(outlines, origin.file, state);
    const turns = storedTurns.all(count);
    if (turns === null) return null;
    const summary = SessionSummaryBuilder.from(gathered).build({ ...origin, problems: rest.problems.length });
    return new CachedSession({ summary, turns, ...rest }, storedTurns, source, (records) =>
      cachedEntries(outlines, origin.file, state, records, source),
    );
  }

  /** @throws NotFoundError where the file is gone or is not what was read */
  wholeTurn(turn: TurnOutline): Turn {
    // Where its records stand is read with them.
    const { steps } = turn;
    const nodes = this.#nodesOf(turn);
    const byUuid = new Map(nodes.map((node) => [node.entry.uuid, node]));
    const results = new Map(
      steps.flatMap((step) =>
        step.toolCalls.flatMap(({ id, uuid, result }) => {
          const node = result === null ? undefined : byUuid.get(result.uuid);
          return result === null || node === undefined
            ? []
            : [[`${uuid} ${id}`, { node, isError: result.isError }] as const];
        }),
      ),
    );
    return {
      ...turn,
      promptContent: byUuid.get(turn.turnId)?.entry.message?.content ?? [],
      steps: stepsOf(nodes, (id, { entry }) => results.get(`${entry.uuid} ${id}`)),
    };
  }

  /**
   * As `OpenSession.forkAt`, but null where it takes all records to answer.
   * @throws NotFoundError as `wholeTurn` does, or where the session is no longer cached
   */
  async forkAt(point: ForkPoint, following: number | undefined, sha256: Sha256): Promise<ForkContext | null> {
    const { turns, summary } = this.session;
    const turn = 'turn' in point ? turns[point.turn - 1] : undefined;
    const cut = turn === undefined ? null : this.#turns.cutBefore(turn);
    const entries = cut === null || cut.records > mostForOne ? null : this.#beginning(cut.records);
    if (turn === undefined || cut === null || entries === null) return null;
    const { forkFromBeginning } = await import('../../../core/fork/sessionRequests.ts');
    const session = { file: summary.file, turns, wholeTurn: (each: TurnOutline) => this.wholeTurn(each) };
    return forkFromBeginning(session, entries, turn, cut, following, sha256);
  }

  #nodesOf(turn: TurnOutline): ChainNode[] {
    const nodes: ChainNode[] = [];
    for (const [line, start, length] of this.#turns.recordsOf(turn)) {
      const { entry } = readEntry(this.#source.recordOnce(start, length), line);
      if (entry?.uuid != null) nodes.push({ entry: entry as ChainNode['entry'], parent: null, order: nodes.length });
    }
    return nodes;
  }
}
