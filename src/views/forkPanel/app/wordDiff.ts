import { diffWordsWithSpace } from 'diff';

export interface DiffPiece {
  kind: 'same' | 'added' | 'removed';
  text: string;
}

const longest = 8000;

/**
 * What a branch's own prompt changes against the shared one, for a row: unchanged stretches are cut down to the words
 * beside a change. Null where the texts are too long or too different to be worth it.
 */
export function wordDiff(shared: string, own: string): DiffPiece[] | null {
  if (shared.length > longest || own.length > longest || shared.trim() === '') return null;
  const changes = diffWordsWithSpace(shared, own, { maxEditLength: 200 });
  if (!changes) return null;
  const same = changes
    .filter(({ added, removed }) => !added && !removed)
    .reduce((sum, { value }) => sum + value.length, 0);
  if (same < own.length / 4) return null;
  return changes.map(({ value, added, removed }, index) => {
    if (added) return { kind: 'added', text: value };
    if (removed) return { kind: 'removed', text: value };
    return { kind: 'same', text: shortened(value, index === 0, index === changes.length - 1) };
  });
}

function shortened(text: string, first: boolean, last: boolean): string {
  const words = text.split(/(?<=\s)/);
  if (words.length <= 8) return text;
  const head = first ? '' : words.slice(0, 3).join('');
  const tail = last ? '' : words.slice(-3).join('');
  return `${head}… ${tail}`;
}
