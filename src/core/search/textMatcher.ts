import { foldCase } from './foldCase.ts';

/** Finds a query in texts. Capitals matter only where the query has some. */
export class TextMatcher {
  readonly text: string;
  readonly ignoresCase: boolean;
  readonly #wanted: string;

  /** @param text not empty */
  constructor(text: string) {
    this.text = text;
    this.ignoresCase = foldCase(text) === text;
    this.#wanted = text;
  }

  /** Where the query stands first at or after a place; -1 where it doesn't. It is as long there as it is itself. */
  indexIn(text: string, from = 0): number {
    return (this.ignoresCase ? foldCase(text) : text).indexOf(this.#wanted, from);
  }
}
