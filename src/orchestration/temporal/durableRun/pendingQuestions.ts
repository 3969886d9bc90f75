import type { BranchId } from '../../../core/ids.ts';

/** Questions of agents that wait for a person; an answered one is pending no more. */
export class PendingQuestions {
  /** As `branch call`. */
  readonly #questions = new Set<string>();
  readonly #onChange: (branchId: BranchId) => void;

  /** @param onChange told of the branch whose questions may be others now */
  constructor(onChange: (branchId: BranchId) => void) {
    this.#onChange = onChange;
  }

  has(branchId: BranchId, callId: string): boolean {
    return this.#questions.has(`${branchId} ${callId}`);
  }

  open(branchId: BranchId, callId: string): void {
    this.#questions.add(`${branchId} ${callId}`);
    this.#onChange(branchId);
  }

  close(branchId: BranchId, callId: string): void {
    this.#questions.delete(`${branchId} ${callId}`);
    this.#onChange(branchId);
  }

  closeAll(branchId: BranchId): void {
    for (const question of this.#questions) if (question.startsWith(`${branchId} `)) this.#questions.delete(question);
    this.#onChange(branchId);
  }

  /** Branches that wait for an answer. */
  branches(): ReadonlySet<string> {
    return new Set([...this.#questions].map((question) => question.slice(0, question.indexOf(' '))));
  }
}
