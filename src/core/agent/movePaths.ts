import type { Json } from '../canonicalJson.ts';

/** Where recorded paths lie now. Both absolute, without a slash at the end. */
export interface PathMove {
  from: string;
  to: string;
  /** Folders below `from` that stay where they are: Claude Code's own, in a home folder. */
  except: readonly string[];
}

/** A letter, digit or the like before or behind a path makes it another path: `/a/b` is no part of `/a/bc`, `/a/b.txt` or `/x/a/b`. */
const before = String.raw`(?<![\p{L}\p{N}_.~%@+-])`;
const behind = String.raw`(?![\p{L}\p{N}_~%@+-]|\.[\p{L}\p{N}_-])`;

/** Thinking is signed: the API refuses it once a letter of it is changed. */
const signed: ReadonlySet<unknown> = new Set(['thinking', 'redacted_thinking']);

/**
 * Puts paths below one folder below another, in every text of a record. Whole names only; pictures and thinking stay as they are.
 * @returns a function that gives a changed copy, or the same value where nothing is to be changed
 */
export function pathMover({ from, to, except }: PathMove): (value: Json) => Json {
  const stays = except.map((folder) => `(?!${literally(folder)}${behind})`).join('');
  const pattern = new RegExp(`${before}${stays}${literally(from)}${behind}`, 'gu');
  const moveText = (text: string) => (text.includes(from) ? text.replace(pattern, () => to) : text);
  const move = (value: Json): Json => {
    if (typeof value === 'string') return moveText(value);
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return changed(value, value.map(move));
    if (signed.has(value.type)) return value;
    const isPicture = value.type === 'base64';
    const entries = Object.entries(value).map(([key, member]): [string, Json] =>
      key === 'base64' || (isPicture && key === 'data') ? [key, member] : [moveText(key), move(member)],
    );
    return entries.every(([key, member]) => member === value[key]) ? value : Object.fromEntries(entries);
  };
  return move;
}

/** A pattern that matches exactly this text. */
function literally(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
}

function changed(value: Json[], moved: Json[]): Json[] {
  return moved.every((item, at) => item === value[at]) ? value : moved;
}
