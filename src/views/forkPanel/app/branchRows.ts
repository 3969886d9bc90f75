import { asRecorded, type BranchDraft } from '../protocol.ts';

type Variation = Partial<Pick<BranchDraft, 'model' | 'effort' | 'prompt'>>;

/** The rows with one more, named after `name`. */
export function addRow(rows: readonly BranchDraft[], name: string, variation: Variation): BranchDraft[] {
  const row: BranchDraft = {
    key: freeKey(rows),
    name: freeName(rows, name),
    ...asRecorded,
    ...variation,
    repeats: '1',
    open: [],
  };
  return [...rows, row];
}

export function duplicateRow(rows: readonly BranchDraft[], key: string): BranchDraft[] {
  return rows.flatMap((row) =>
    row.key === key ? [row, { ...row, key: freeKey(rows), name: freeName(rows, row.name) }] : [row],
  );
}

export function moveRow(rows: readonly BranchDraft[], key: string, by: -1 | 1): BranchDraft[] {
  const from = rows.findIndex((row) => row.key === key);
  const moved = rows[from];
  const to = from + by;
  if (!moved || to < 0 || to >= rows.length) return [...rows];
  const others = rows.filter((row) => row !== moved);
  return [...others.slice(0, to), moved, ...others.slice(to)];
}

/** Ticking adds a row that changes just this, unticking takes it away again. Rows that change more are left alone. */
export function varyRows(rows: readonly BranchDraft[], name: string, variation: Variation, on: boolean): BranchDraft[] {
  if (on) return hasVariation(rows, variation) ? [...rows] : addRow(rows, name, variation);
  return rows.filter((row) => !changesJust(row, variation));
}

/** Whether some row changes this and nothing else. */
export function hasVariation(rows: readonly BranchDraft[], variation: Variation): boolean {
  return rows.some((row) => changesJust(row, variation));
}

/** One row for each prompt that no row has yet. */
export function promptRows(rows: readonly BranchDraft[], prompts: readonly string[]): BranchDraft[] {
  return prompts.reduce<BranchDraft[]>(
    (all, prompt) => (hasVariation(all, { prompt }) ? all : addRow(all, promptName(prompt), { prompt })),
    [...rows],
  );
}

function changesJust(row: BranchDraft, variation: Variation): boolean {
  const wanted = { ...asRecorded, ...variation };
  const has = Object.fromEntries(Object.keys(asRecorded).map((key) => [key, row[key as keyof typeof asRecorded]]));
  return (
    JSON.stringify(has) ===
    JSON.stringify(
      Object.fromEntries(Object.keys(asRecorded).map((key) => [key, wanted[key as keyof typeof asRecorded]])),
    )
  );
}

/** The first words of a prompt. */
function promptName(prompt: string): string {
  const words = prompt.trim().split(/\s+/).slice(0, 4).join(' ');
  return words.length > 32 ? `${Array.from(words).slice(0, 31).join('')}…` : words;
}

function freeKey(rows: readonly BranchDraft[]): string {
  const numbers = rows.map(({ key }) => Number(/^b(\d+)$/.exec(key)?.[1] ?? 0));
  return `b${Math.max(0, ...numbers) + 1}`;
}

/** The name, numbered where another row has it. */
function freeName(rows: readonly BranchDraft[], name: string): string {
  const taken = new Set(rows.map((row) => row.name));
  if (!taken.has(name)) return name;
  const base = name.replace(/ \(\d+\)$/, '');
  for (let number = 2; ; number++) {
    const candidate = `${base} (${number})`;
    if (!taken.has(candidate)) return candidate;
  }
}
