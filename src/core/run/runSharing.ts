import type { BlobStore } from '../blobStore.ts';
import type { BranchPlan, ForkPlan } from '../fork/forkPlan.ts';
import type { RunId } from '../ids.ts';

/** Lets workers of other machines carry out runs of this one. */
export interface RunSharing {
  /** Blobs of shared runs: what is put there goes to the others, too. */
  readonly blobs: BlobStore;
  /**
   * Puts what workers need of the run into the shared store. From then on its log is written there, and comes back into the
   * run's own log when somebody looks. Done already: nothing happens.
   * @throws StorageError
   */
  share(plan: ForkPlan): Promise<void>;
  /** Puts there what a branch needs that comes to the run later. */
  shareBranch(branch: BranchPlan): Promise<void>;
  isShared(runId: RunId): Promise<boolean>;
  /** Writes to the store. @returns where it is @throws StorageError */
  probe(): Promise<string>;
}
