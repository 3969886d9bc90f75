import type { Provider } from '../fork/forkPlan.ts';

/** Calls that the API counts together, as far as a run knows; whose key they go out with is the gate's to know. */
export interface GatedCalls {
  provider: Provider;
  model: string;
}

/** Through it every call leaves, whichever run, window or worker makes it: the API limits the key, not the branch. */
export interface CallGate {
  /**
   * Waits while the API wants no such calls, and where only so many may be under way, for one of them to end.
   * @param onHeld told for how many milliseconds from now on a pause holds the call back; again where it is made longer
   * @throws the signal's reason
   */
  enter(calls: GatedCalls, signal: AbortSignal, onHeld?: (ms: number) => void): Promise<CallPermit>;
}

/** One call on its way. */
export interface CallPermit {
  /** No such call leaves for `ms` from now on. Never shortens a pause, and never throws. */
  pause(ms: number): Promise<void>;
  /** The call is over. Never throws. */
  leave(): Promise<void>;
}
