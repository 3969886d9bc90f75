/** Longer lines are passed over, in characters: no message of Claude Code's comes near that. */
const longest = 256 * 1024 * 1024;

/** Puts lines together from pieces of text that end anywhere. */
export class LineSplitter {
  #pieces: string[] = [];
  #length = 0;
  #skipping = false;

  /** The lines that a piece completes, without their ends. */
  add(piece: string): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let at = piece.indexOf('\n'); at !== -1; at = piece.indexOf('\n', from)) {
      this.#keep(piece.slice(from, at));
      from = at + 1;
      const line = this.rest();
      if (line !== null) lines.push(line);
    }
    this.#keep(piece.slice(from));
    return lines;
  }

  /** What has come of an unfinished line, null where there is nothing; the next piece begins anew. */
  rest(): string | null {
    const line = this.#pieces.join('').replace(/\r$/, '');
    const kept = !this.#skipping && line !== '';
    this.#pieces = [];
    this.#length = 0;
    this.#skipping = false;
    return kept ? line : null;
  }

  #keep(piece: string): void {
    if (piece === '' || this.#skipping) return;
    this.#length += piece.length;
    if (this.#length > longest) {
      this.#skipping = true;
      this.#pieces = [];
      return;
    }
    this.#pieces.push(piece);
  }
}
