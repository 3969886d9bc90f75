import type { BranchId } from '../../../core/ids.ts';

interface Token {
  came: Promise<void>;
  announce: () => void;
  isThere: boolean;
}

/** The first tokens of branches that others wait for. */
export class FirstTokens {
  readonly #tokens = new Map<BranchId, Token>();

  /** Somebody waits for the branch's first token. */
  isAwaited(branchId: BranchId): boolean {
    return this.#tokens.has(branchId);
  }

  hasCome(branchId: BranchId): boolean {
    return this.#tokens.get(branchId)?.isThere === true;
  }

  of(branchId: BranchId): Promise<void> {
    return this.#token(branchId).came;
  }

  announce(branchId: BranchId): void {
    const token = this.#token(branchId);
    token.isThere = true;
    token.announce();
  }

  #token(branchId: BranchId): Token {
    let token = this.#tokens.get(branchId);
    if (token === undefined) {
      let announce = (): void => {};
      const came = new Promise<void>((resolve) => {
        announce = resolve;
      });
      token = { came, announce, isThere: false };
      this.#tokens.set(branchId, token);
    }
    return token;
  }
}
