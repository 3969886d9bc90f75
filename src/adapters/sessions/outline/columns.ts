/** Many texts in one; the length of each, -1 for null. */
export interface TextColumn {
  text: string;
  lengths: Int32Array;
}

/** Texts of which few are different: each once, and which of them stands where; -1 for null. */
export interface NameColumn {
  names: string[];
  codes: Int32Array;
}

/** A number for each item. `Int32Array.from` does the same, but goes through an iterator, which takes much longer. */
export function packNumbers<Item>(items: readonly Item[], numberOf: (item: Item) => number): Int32Array {
  const column = new Int32Array(items.length);
  for (let index = 0; index < items.length; index += 1) column[index] = numberOf(items[index] as Item);
  return column;
}

export function packTexts(values: readonly (string | null)[]): TextColumn {
  return { text: values.join(''), lengths: packNumbers(values, (value) => value?.length ?? -1) };
}

/** Texts that follow each other and are the same become one. */
export function unpackTexts({ text, lengths }: TextColumn): (string | null)[] {
  const values: (string | null)[] = [];
  let at = 0;
  let last = '';
  for (let index = 0; index < lengths.length; index += 1) {
    const length = lengths[index] as number;
    if (length < 0) {
      values.push(null);
      continue;
    }
    const value = text.slice(at, at + length);
    if (value !== last) last = value;
    values.push(last);
    at += length;
  }
  return values;
}

export function packNames(values: readonly (string | null)[]): NameColumn {
  const codes = new Map<string, number>();
  const column = packNumbers(values, (value) => {
    if (value === null) return -1;
    const known = codes.get(value);
    if (known === undefined) codes.set(value, codes.size);
    return known ?? codes.size - 1;
  });
  return { names: [...codes.keys()], codes: column };
}

export function unpackNames({ names, codes }: NameColumn): (string | null)[] {
  return Array.from(codes, (code) => names[code] ?? null);
}
