import type { SeenUuids } from '../../../core/session/parseTranscript.ts';

/** What the skimmer's module does for it; places are in the module's memory. */
export interface UuidModule {
  beginUuids(at: number, bits: number): void;
  kindOfUuid(at: number): number;
  addUuid(at: number, kind: number): number;
}

const uuidBytes = 36;
const main = 2;
const sidechain = 1;
/** A file of so many bytes to a record gets a slot for each; of more there are enough below. */
const bytesPerSlot = 1024;
const fewestBits = 10;
const mostBits = 17;

/** The uuids of one transcript, in the skimmer's memory, so that it can look them up by itself. What it can't hold is here. */
export class UuidTable implements SeenUuids {
  /** Bytes of memory that a table needs at most. */
  static readonly mostBytes = 2 ** mostBits * (uuidBytes + 1);
  /** Bytes behind a text that may be looked at. */
  static readonly textBytes = 64;
  readonly #module: UuidModule;
  readonly #memory: Buffer;
  readonly #at: number;
  readonly #textAt: number;
  readonly #slots: number;
  readonly #others = new Map<string, boolean>();

  /**
   * An empty table; the one before it, in the same memory, is lost.
   * @param memory the module's
   * @param at where the table lies in it, `textBytes` behind the place of a text to be looked up
   * @param fileBytes length of the transcript, which tells how many uuids to expect
   */
  constructor(module: UuidModule, memory: Buffer, at: number, fileBytes: number) {
    this.#module = module;
    this.#memory = memory;
    this.#at = at;
    this.#textAt = at - UuidTable.textBytes;
    const bits = Math.ceil(Math.log2(Math.max(1, fileBytes / bytesPerSlot)));
    this.#slots = 2 ** Math.min(mostBits, Math.max(fewestBits, bits));
    module.beginUuids(at, Math.log2(this.#slots));
  }

  get(uuid: string): boolean | undefined {
    const kind = this.#place(uuid) ? this.#module.kindOfUuid(this.#textAt) : 0;
    return kind === 0 ? this.#others.get(uuid) : kind === main;
  }

  set(uuid: string, isMain: boolean): void {
    const isAdded = this.#place(uuid) && this.#module.addUuid(this.#textAt, isMain ? main : sidechain) !== 0;
    if (!isAdded) this.#others.set(uuid, isMain);
  }

  *[Symbol.iterator](): Generator<[string, boolean]> {
    for (let slot = 0; slot < this.#slots; slot += 1) {
      const kind = this.#memory[this.#at + slot];
      if (kind === 0) continue;
      const text = this.#at + this.#slots + slot * uuidBytes;
      yield [this.#memory.toString('latin1', text, text + uuidBytes), kind === main];
    }
    yield* this.#others;
  }

  /** Puts the text where the module looks for it. @returns false where the table can't hold it */
  #place(uuid: string): boolean {
    // So many bytes of so many characters are ASCII.
    return uuid.length === uuidBytes && this.#memory.write(uuid, this.#textAt, uuidBytes, 'utf8') === uuidBytes;
  }
}
