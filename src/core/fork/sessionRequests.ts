import { ForkPointError } from '../errors.ts';
import { groupBy } from '../groupBy.ts';
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

/**
 * The cut turn with the steps after the cut, then the turns that followed it: active ones first, else the newest.
 * @param most so many turns at most
 */
function followingTurns(tree: SessionTree, cut: Cut, most: number): Turn[] {
  const first: TurnOutline = cut.turn;
  const whole = tree.wholeTurn(first);
  const following: Turn[] = [{ ...whole, steps: whole.steps.filter((step) => step.index > cut.keptSteps) }];
  const children = groupBy(tree.session.turns, (turn) => turn.parentTurnId);
  const seen = new Set([first.turnId]);
  for (let at: TurnOutline | undefined = first; at !== undefined && following.length < most; ) {
    const next: TurnOutline[] = (children.get(at.turnId) ?? []).filter(
      ({ turnId }) => !seen.has(turnId) && (tree.prompts.get(turnId)?.order ?? 0) > cut.upTo.order,
    );
    at = next.find((turn) => turn.active) ?? next.at(-1);
    if (at === undefined) break;
    seen.add(at.turnId);
    following.push(tree.wholeTurn(at));
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
      following: followingTurns(this.#tree, cut, following),
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
