import { ForkPointError } from '../errors.ts';
import { groupBy } from '../groupBy.ts';
import type { ParsedTranscript } from '../session/parseTranscript.ts';
import type { RecordedRequest } from '../session/recordedRequest.ts';
import { RecordedRequests } from '../session/recordedRequests.ts';
import type { ContentBlock, Turn, TurnOutline } from '../session/recordedSession.ts';
import type { TranscriptEntry } from '../session/transcriptEntry.ts';
import type { SessionTree, SubagentFile } from '../session/turnTree.ts';
import type { Sha256 } from '../sha256.ts';
import type { ForkContext } from './forkContext.ts';
import type { ForkPoint } from './forkRequest.ts';
import type { KnownCut } from './knownCuts.ts';
import { editableText, findPrompt } from './promptPlace.ts';
import { RequestBuilder, recordedDraft } from './requestAt.ts';
import { type Cut, pointBefore, promptContentOf, resolveCut } from './resolveForkPoint.ts';

/** The requests of one session, rebuilt on demand. */
export interface SessionRequests {
  /** Every recorded request of the file and of its subagents' files, in file order. */
  recorded(): Iterable<RecordedRequest>;
  /**
   * What a fork at this point starts from.
   * @param following how many of the recorded turns from the cut on are wanted; default 2
   * @throws NotFoundError where no such turn or message is recorded, ForkPointError where the cut would leave an
   * illegal history (for example between a tool call and its result)
   */
  forkAt(point: ForkPoint, following?: number): ForkContext;
}

/** The text of the prompt block that is put back. */
function recordedPromptOf(
  { prompt }: TurnOutline,
  said: readonly ContentBlock[],
  rebuilt: ForkContext['rebuilt'],
): string {
  const content = rebuilt.promptAt === null ? undefined : rebuilt.request.messages[rebuilt.promptAt.message]?.content;
  const block = typeof content === 'object' ? content[rebuilt.promptAt?.block ?? 0] : undefined;
  return typeof block?.text === 'string' ? editableText(block.text, said) : prompt;
}

/** Turns of a session, whose contents may be read from disk. */
interface SessionTurns {
  turns: readonly TurnOutline[];
  wholeTurn: (turn: TurnOutline) => Turn;
}

/**
 * The cut turn with the steps after the cut, then the turns that followed it: active ones first, else the newest.
 * @param isBehind whether a turn begins behind the cut
 * @param most so many turns at most
 */
function followingTurns(
  { turns, wholeTurn }: SessionTurns,
  { turn: first, keptSteps }: Pick<Cut, 'turn' | 'keptSteps'>,
  isBehind: (turn: TurnOutline) => boolean,
  most: number,
): Turn[] {
  const whole = wholeTurn(first);
  const following: Turn[] = [{ ...whole, steps: whole.steps.filter((step) => step.index > keptSteps) }];
  const children = groupBy(turns, (turn) => turn.parentTurnId);
  const seen = new Set([first.turnId]);
  for (let at: TurnOutline | undefined = first; at !== undefined && following.length < most; ) {
    const next: TurnOutline[] = (children.get(at.turnId) ?? []).filter(
      (turn) => !seen.has(turn.turnId) && isBehind(turn),
    );
    at = next.find((turn) => turn.active) ?? next.at(-1);
    if (at === undefined) break;
    seen.add(at.turnId);
    following.push(wholeTurn(at));
  }
  return following;
}

class RebuiltSessionRequests implements SessionRequests {
  readonly #tree: SessionTree;
  readonly #logs: readonly [RecordedRequests, ...RecordedRequests[]];
  readonly #builder: RequestBuilder;

  constructor(tree: SessionTree, transcript: ParsedTranscript, subagents: readonly SubagentFile[], sha256: Sha256) {
    const own = new RecordedRequests(tree.session.summary.file, transcript.entries, sha256);
    this.#tree = tree;
    this.#logs = [own, ...subagents.map((agent) => new RecordedRequests(agent.file, agent.transcript.entries, sha256))];
    this.#builder = new RequestBuilder(tree, own);
  }

  *recorded(): Generator<RecordedRequest> {
    for (const log of this.#logs) yield* log.all();
  }

  forkAt(point: ForkPoint, following = 2): ForkContext {
    const tree = this.#tree;
    const cut = resolveCut(tree, point);
    const prompt = promptContentOf(cut);
    const session = { turns: tree.session.turns, wholeTurn: (turn: TurnOutline) => tree.wholeTurn(turn) };
    const isBehind = ({ turnId }: TurnOutline) => (tree.prompts.get(turnId)?.order ?? 0) > cut.upTo.order;
    const rebuilt = this.#builder.build(cut);
    if (cut.prompt === null && rebuilt.request.messages.length === 0) {
      throw new ForkPointError(
        'Nothing was said before this message: there is no history to go on from.',
        `Cut after it, or before the prompt of turn ${cut.turn.index}.`,
      );
    }
    return {
      point: cut.point,
      rebuilt,
      recordedPrompt: prompt === null ? null : recordedPromptOf(cut.turn, prompt, rebuilt),
      following: followingTurns(session, cut, isBehind, following),
    };
  }
}

/** The requests of a session: what the log of its file and of its subagents' files holds, and what a fork would send. */
export function createSessionRequests(
  tree: SessionTree,
  transcript: ParsedTranscript,
  subagents: readonly SubagentFile[],
  sha256: Sha256,
): SessionRequests {
  return new RebuiltSessionRequests(tree, transcript, subagents, sha256);
}

/**
 * As `SessionRequests.forkAt` for the cut before a turn's prompt, from the beginning of the session's file.
 * @param entries the records before the reply
 * @param known what all of the session says of the cut
 * @returns null where the request is not exactly the recorded one: then the whole session is to be asked
 */
export function forkFromBeginning(
  session: SessionTurns & { file: string },
  entries: readonly TranscriptEntry[],
  turn: TurnOutline,
  known: KnownCut,
  following = 2,
  sha256: Sha256,
): ForkContext | null {
  const point = pointBefore(turn);
  const draft = recordedDraft(new RecordedRequests(session.file, entries, sha256).rebuild(known.request), { point });
  if (draft?.fidelity !== 'exact') return null;
  const turns = followingTurns(session, { turn, keptSteps: 0 }, ({ line }) => line > known.upTo, following);
  const prompt = turns[0]?.promptContent ?? [];
  const rebuilt = {
    ...draft,
    promptAt: findPrompt(draft.request.messages, prompt),
    inputTokens: known.inputTokens,
  };
  return { point, rebuilt, recordedPrompt: recordedPromptOf(turn, prompt, rebuilt), following: turns };
}
