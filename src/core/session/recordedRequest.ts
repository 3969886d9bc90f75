import type { MessagesRequest } from '../api/messagesRequest.ts';
import type { Fidelity } from './fidelity.ts';

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
