// src/adapters/sessions/outline: outlines of long sessions, packed into the cache and taken from it. A cache only:
// whatever it holds is rebuilt from the file.

import type { ChainNode } from '../../../core/session/messageChain.ts';
import type { ParsedTranscript } from '../../../core/session/parseTranscript.ts';
import type { RecordedSession, Turn, TurnOutline } from '../../../core/session/recordedSession.ts';
import { type GatheredSummary, SessionSummaryBuilder } from '../../../core/session/sessionSummary.ts';
import { readEntry, type TranscriptEntry } from '../../../core/session/transcriptEntry.ts';
import { stepsOf } from '../../../core/session/turnSteps.ts';
import type { SessionTree, TranscriptFile } from '../../../core/session/turnTree.ts';
import type { FileStamp } from '../../fileStamp.ts';
import { type LineSource, StoredEntry } from '../lineSource.ts';
import type { Outlines, Part } from './outlineIndex.ts';
import { partsOfTurns, StoredTurns } from './storedTurns.ts';

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
function recordsByTurn({ session, chain, turnOf, prompts }: SessionTree): Map<TurnOutline, Set<ChainNode>> {
  const records = new Map<TurnOutline, Set<ChainNode>>(session.turns.map((turn) => [turn, new Set()]));
  for (const [node, turn] of turnOf) {
    if (turn === null) continue;
    if (node.entry.type === 'assistant' || node === prompts.get(turn.turnId)) records.get(turn)?.add(node);
  }
  for (const [turn, nodes] of records) {
    for (const { result } of turn.steps.flatMap((step) => step.toolCalls)) {
      const node = result === null ? undefined : chain.byUuid.get(result.uuid);
      if (node !== undefined) nodes.add(node);
    }
  }
  return records;
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
  const records = [...recordsByTurn(tree).values()].map((nodes) =>
    [...nodes].map(({ entry }) => entry as unknown as StoredEntry),
  );
  yield* partsOfTurns(turns, records, states.state);
}

/** A session that another process has understood. Its contents, and the records that a question needs, are read from disk. */
export class CachedSession {
  readonly session: RecordedSession;
  readonly #source: LineSource;
  readonly #turns: StoredTurns;

  private constructor(session: RecordedSession, turns: StoredTurns, source: LineSource) {
    this.session = session;
    this.#turns = turns;
    this.#source = source;
  }

  /** Null where its turns are not known any more. @param source reads the contents of its file */
  static from(stored: StoredSession, origin: TranscriptFile, source: LineSource, outlines: Outlines) {
    const { state, summary: gathered, rest, turns: count } = stored;
    const storedTurns = new StoredTurns(outlines, origin.file, state);
    const turns = storedTurns.all(count);
    if (turns === null) return null;
    const summary = SessionSummaryBuilder.from(gathered).build({ ...origin, problems: rest.problems.length });
    return new CachedSession({ summary, turns, ...rest }, storedTurns, source);
  }

  /** @throws NotFoundError where the file is gone or is not what was read */
  wholeTurn(turn: TurnOutline): Turn {
    // Where its records stand is read with them.
    const { steps } = turn;
    const nodes = this.#nodesOf(turn);
    const byUuid = new Map(nodes.map((node) => [node.entry.uuid, node]));
    const results = new Map(
      steps.flatMap((step) =>
        step.toolCalls.flatMap(({ id, result }) => {
          const node = result === null ? undefined : byUuid.get(result.uuid);
          return result === null || node === undefined ? [] : [[id, { node, isError: result.isError }] as const];
        }),
      ),
    );
    return {
      ...turn,
      promptContent: byUuid.get(turn.turnId)?.entry.message?.content ?? [],
      steps: stepsOf(nodes, results),
    };
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
