import type { Turn } from '../session/recordedSession.ts';
import type { ResolvedPoint } from './forkPlan.ts';
import type { RebuiltRequest } from './rebuiltRequest.ts';

/** Everything that a fork at one point starts from. */
export interface ForkContext {
  point: ResolvedPoint;
  /** What an unchanged fork sends first. */
  rebuilt: RebuiltRequest;
  /** Text of the prompt that is put back for editing; null where the cut stands after a message. */
  recordedPrompt: string | null;
  /**
   * What was recorded from the cut on, along the chain of the cut: the turn that was cut (with the steps after the cut
   * only), then the turns that followed it, as many as were asked for.
   */
  following: Turn[];
}
