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

/** A number for each item. `Int32Array.from` does the same, ten times as slowly. */
export function packNumbers<Item>(items: readonly Item[], numberOf: (item: Item, index: number) => number): Int32Array {
  const column = new Int32Array(items.length);
  for (let index = 0; index < items.length; index += 1) column[index] = numberOf(items[index] as Item, index);
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
  const codes = new Map<string | null, number>([[null, -1]]);
  let last: string | null = null;
  let code = -1;
  const column = packNumbers(values, (value) => {
    if (value === last) return code;
    last = value;
    // Null is one of them.
    code = codes.get(value) ?? codes.size - 1;
    codes.set(value, code);
    return code;
  });
  codes.delete(null);
  return { names: [...codes.keys()] as string[], codes: column };
}

export function unpackNames({ names, codes }: NameColumn): (string | null)[] {
  return Array.from(codes, (code) => names[code] ?? null);
}
