import { ForkPointError } from '../errors.ts';
import { groupBy } from '../groupBy.ts';
import type { ChainNode } from '../session/messageChain.ts';
import type { ParsedTranscript } from '../session/parseTranscript.ts';
import type { RecordedRequest } from '../session/recordedRequest.ts';
import { RecordedRequests } from '../session/recordedRequests.ts';
import type { Turn, TurnOutline } from '../session/recordedSession.ts';
import type { SessionTree, SubagentFile } from '../session/turnTree.ts';
import type { Sha256 } from '../sha256.ts';
import type { ForkContext } from './forkContext.ts';
import type { ForkPoint } from './forkRequest.ts';
import { editableText } from './promptPlace.ts';
import { RequestBuilder } from './requestAt.ts';
import { type Cut, resolveCut } from './resolveForkPoint.ts';

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
function recordedPromptOf(cut: Cut, rebuilt: ForkContext['rebuilt']): string | null {
  if (cut.prompt === null) return null;
  const content = rebuilt.promptAt === null ? undefined : rebuilt.request.messages[rebuilt.promptAt.message]?.content;
  const block = typeof content === 'object' ? content[rebuilt.promptAt?.block ?? 0] : undefined;
  return typeof block?.text === 'string' ? editableText(block.text, cut.prompt) : cut.turn.prompt;
}

/** All turns of a session, as they are shown behind a cut. */
export interface FollowedTurns {
  turns: readonly TurnOutline[];
  wholeTurn: (turn: TurnOutline) => Turn;
  /** Whether the turn's prompt was written after a record. */
  isBehind: (turn: TurnOutline, record: ChainNode) => boolean;
}

function turnsOf(tree: SessionTree): FollowedTurns {
  return {
    turns: tree.session.turns,
    wholeTurn: (turn) => tree.wholeTurn(turn),
    isBehind: (turn, { order }) => (tree.prompts.get(turn.turnId)?.order ?? 0) > order,
  };
}

/**
 * The cut turn with the steps after the cut, then the turns that followed it: active ones first, else the newest.
 * @param most so many turns at most
 */
function followingTurns({ turns, wholeTurn, isBehind }: FollowedTurns, cut: Cut, most: number): Turn[] {
  const first = turns[cut.turn.index - 1] ?? cut.turn;
  const whole = wholeTurn(first);
  const following: Turn[] = [{ ...whole, steps: whole.steps.filter((step) => step.index > cut.keptSteps) }];
  const children = groupBy(turns, (turn) => turn.parentTurnId);
  const seen = new Set([first.turnId]);
  for (let at: TurnOutline | undefined = first; at !== undefined && following.length < most; ) {
    const next: TurnOutline[] = (children.get(at.turnId) ?? []).filter(
      (turn) => !seen.has(turn.turnId) && isBehind(turn, cut.upTo),
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
  readonly #followed: FollowedTurns;

  constructor(
    tree: SessionTree,
    transcript: ParsedTranscript,
    subagents: readonly SubagentFile[],
    sha256: Sha256,
    followed: FollowedTurns,
  ) {
    const own = new RecordedRequests(tree.session.summary.file, transcript.entries, sha256);
    this.#tree = tree;
    this.#followed = followed;
    this.#logs = [own, ...subagents.map((agent) => new RecordedRequests(agent.file, agent.transcript.entries, sha256))];
    this.#builder = new RequestBuilder(tree, own);
  }

  *recorded(): Generator<RecordedRequest> {
    for (const log of this.#logs) yield* log.all();
  }

  forkAt(point: ForkPoint, following = 2): ForkContext {
    const cut = resolveCut(this.#tree, point);
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
      recordedPrompt: recordedPromptOf(cut, rebuilt),
      following: followingTurns(this.#followed, cut, following),
    };
  }
}

/**
 * The requests of a session: what the log of its file and of its subagents' files holds, and what a fork would send.
 * @param followed the turns that are shown behind a cut, where the tree does not hold all of them
 */
export function createSessionRequests(
  tree: SessionTree,
  transcript: ParsedTranscript,
  subagents: readonly SubagentFile[],
  sha256: Sha256,
  followed = turnsOf(tree),
): SessionRequests {
  return new RebuiltSessionRequests(tree, transcript, subagents, sha256, followed);
}
