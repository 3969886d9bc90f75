/** Part of a value: what to put at a path, or what to append to the array there. `last` ends the value. */
export interface Piece {
  path: (string | number)[];
  put?: { value: unknown };
  append?: unknown[];
  last: boolean;
}

/**
 * Weight of a piece at most: about one for every value in it and every 200 characters, so that taking it in holds up the
 * other thread for two or three milliseconds. A single string or array of bytes is one piece however long it is.
 */
export const heaviest = 20_000;

const charactersPerWeight = 200;
const bytesPerWeight = 2000;

/**
 * Cuts plain data into pieces that can be sent one by one, and put together by `Assembly`.
 * @returns the pieces with their weights
 */
export function* piecesOf(value: unknown, most = heaviest): Generator<{ piece: Piece; weight: number }, void> {
  let held: { piece: Piece; weight: number } | null = null;
  for (const next of cut(value, [], most)) {
    if (held !== null) yield held;
    held = next;
  }
  if (held !== null) yield { ...held, piece: { ...held.piece, last: true } };
}

function* cut(value: unknown, path: Piece['path'], most: number): Generator<{ piece: Piece; weight: number }, void> {
  const weight = weigh(value, most);
  if (weight <= most || !isContainer(value)) yield { piece: { path, put: { value }, last: false }, weight };
  else if (Array.isArray(value)) yield* cutArray(value, path, most);
  else yield* cutObject(value, path, most);
}

function* cutArray(items: unknown[], path: Piece['path'], most: number): ReturnType<typeof cut> {
  yield { piece: { path, put: { value: [] }, last: false }, weight: 1 };
  let append: unknown[] = [];
  let weight = 0;
  for (const [index, item] of items.entries()) {
    const more = weigh(item, most);
    if (weight + more > most && append.length > 0) {
      yield { piece: { path, append, last: false }, weight };
      append = [];
      weight = 0;
    }
    if (more > most && isContainer(item)) {
      yield { piece: { path, append: [null], last: false }, weight: 1 };
      yield* cut(item, [...path, index], most);
    } else {
      append.push(item);
      weight += more;
    }
  }
  if (append.length > 0) yield { piece: { path, append, last: false }, weight };
}

function* cutObject(value: object, path: Piece['path'], most: number): ReturnType<typeof cut> {
  const later: [string, unknown][] = [];
  let weight = 1;
  // Every member is there from the start: their order stays, and one named `__proto__` is a member like any other.
  const members = Object.entries(value).map(([name, member]): [string, unknown] => {
    const more = weigh(member, most - weight);
    if (weight + more <= most) {
      weight += more;
      return [name, member];
    }
    later.push([name, member]);
    return [name, null];
  });
  yield { piece: { path, put: { value: Object.fromEntries(members) }, last: false }, weight };
  for (const [name, member] of later) yield* cut(member, [...path, name], most);
}

/** Puts the pieces of values together again, in the order in which they come. */
export class Assembly {
  readonly #root: { value: unknown } = { value: undefined };

  /** Returns the whole value, boxed, with its last piece; null before. */
  add({ path, put, append, last }: Piece): { value: unknown } | null {
    if (put !== undefined) this.#put(path, put.value);
    if (append !== undefined) (this.#at(path) as unknown[]).push(...append);
    return last ? { value: this.#root.value } : null;
  }

  #at(path: Piece['path']): unknown {
    return path.reduce<unknown>((value, name) => (value as Record<string | number, unknown>)[name], this.#root.value);
  }

  #put(path: Piece['path'], value: unknown): void {
    const name = path.at(-1);
    if (name === undefined) this.#root.value = value;
    else (this.#at(path.slice(0, -1)) as Record<string | number, unknown>)[name] = value;
  }
}

/** Only these are taken apart; whatever else can cross to another thread does so whole. */
function isContainer(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

/** Stops counting once it is more than `most`. */
function weigh(value: unknown, most: number): number {
  if (typeof value === 'string') return 1 + value.length / charactersPerWeight;
  if (ArrayBuffer.isView(value)) return 1 + value.byteLength / bytesPerWeight;
  if (!isContainer(value)) return 1;
  let weight = 1;
  for (const member of Object.values(value)) {
    weight += weigh(member, most - weight);
    if (weight > most) return weight;
  }
  return weight;
}
