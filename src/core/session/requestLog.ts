import type { ForkContext } from '../fork/forkContext.ts';
import type { ForkPoint } from '../fork/forkRequest.ts';
import type { Fidelity, MessagesRequest } from '../fork/messagesRequest.ts';

/** One API request that Claude Code recorded, as `forkpoint requests` prints it. */
export interface RecordedRequest {
  id: string;
  file: string;
  /** `querySource` of the log. */
  source: string | null;
  responseMessageId: string | null;
  fidelity: Fidelity;
  digestVerified: boolean;
  missing: string[];
  request: MessagesRequest | null;
  betas: string[];
}

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
