import type { MessagesRequest } from '../api/messagesRequest.ts';
import type { Fidelity } from '../session/fidelity.ts';
import type { CompletedCall } from './pairCalls.ts';
import type { PrefixMatch } from './prefixMatch.ts';

/** What an unchanged fork sends, and how well it is known. */
export interface RebuiltRequest {
  /** `exact` only where the rebuilt request's digest equals the recorded one and nothing was withheld. */
  fidelity: Fidelity;
  digestVerified: boolean;
  /** What of the recorded context could not be rebuilt, in words for a person. Empty where `exact`. */
  missing: string[];
  /** Body without `betas` and `stream`. Message contents are arrays of blocks. */
  request: MessagesRequest;
  /** Values of the `anthropic-beta` header. */
  betas: string[];
  /** Where the prompt's text stands in `request.messages`, null where the fork adds no prompt. */
  promptAt: { message: number; block: number } | null;
  /** Results that were made up, because the API wants one for every tool call. Empty where the history needs none. */
  completed: CompletedCall[];
  /** How much of it equals a request that was recorded. */
  prefix: PrefixMatch;
  /** Tokens of the whole input as the API counted them for the recorded request, null where not recorded. */
  inputTokens: number | null;
}
