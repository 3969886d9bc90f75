import { plainText } from './plainText.ts';

/** Shown where a recording or the API does not say. */
export const unknownText = 'unknown';

/**
 * Short name of a model for trees and tables: `claude-haiku-4-5-20251001` → `Haiku 4.5`. Ids of other makers come back
 * as they are.
 */
export function modelName(id: string | null): string {
  if (id === null) return `${unknownText} model`;
  const name = /claude[-_](.+)$/i.exec(id)?.[1];
  if (name === undefined) return oneLine(id, 60);
  const large = /\[1m\]$/i.test(name);
  // Bedrock and Vertex add `-v1:0` and `@20250929` to the id.
  const parts = name
    .replace(/\[\w+\]$/, '')
    .replace(/(-v\d+(:\d+)*|@\w+)$/i, '')
    .split(/[-_]/);
  const family = parts.filter((part) => /^[a-z]+$/i.test(part) && part !== 'latest').map(capitalised);
  const version = parts.filter((part) => /^\d{1,2}(\.\d+)?$/.test(part)).join('.');
  if (family.length === 0) return oneLine(id, 60);
  return [...family, version, large ? '1M' : ''].filter(Boolean).join(' ');
}

/** `212`, `1.2k`, `125k`, `1.2M`. */
export function tokenCount(tokens: number): string {
  if (tokens < 1000) return String(Math.round(tokens));
  if (tokens < 999_500) return `${scaled(tokens / 1000)}k`;
  return `${scaled(tokens / 1_000_000)}M`;
}

/** US dollars: `$0.04`, `<$0.01`, `$0.00` for nothing, `unknown` for null. */
export function money(usd: number | null): string {
  if (usd === null || !Number.isFinite(usd)) return unknownText;
  if (usd > 0 && usd < 0.01) return '<$0.01';
  return `$${usd.toFixed(2)}`;
}

/** `$0.06–0.11`, one sum where both ends read the same, `unknown cost` for null. */
export function moneyRange(range: { low: number; high: number } | null): string {
  if (range === null) return `${unknownText} cost`;
  const low = money(range.low);
  const high = money(range.high);
  if (low === high) return low;
  return low.startsWith('<') ? `up to ${high}` : `${low}–${high.replace(/^\$/, '')}`;
}

/** A span: `0.4 s`, `8 s`, `1 min 5 s`, `2 h 3 min`. */
export function duration(ms: number): string {
  if (ms < 950) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return joined(`${minutes} min`, seconds % 60, 's');
  return joined(`${Math.floor(minutes / 60)} h`, minutes % 60, 'min');
}

/**
 * How long ago: `now`, `5 min`, `2 h`, `3 d`, `2 wk`, `5 mo`, `1 yr`.
 * @param iso ISO 8601, null where not recorded
 * @param now milliseconds since the epoch
 */
export function relativeTime(iso: string | null, now: number): string {
  const then = iso === null ? Number.NaN : Date.parse(iso);
  if (Number.isNaN(then)) return `${unknownText} time`;
  const minutes = Math.floor((now - then) / 60_000);
  if (minutes < 1) return 'now';
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h`;
  const days = Math.floor(hours / 24);
  if (days < 7) return `${days} d`;
  if (days < 30) return `${Math.floor(days / 7)} wk`;
  if (days < 365) return `${Math.floor(days / 30)} mo`;
  return `${Math.floor(days / 365)} yr`;
}

/** A time for tooltips and documents: `2026-11-20 10:15:00 UTC`. */
export function absoluteTime(iso: string | null): string {
  const time = iso === null ? Number.NaN : Date.parse(iso);
  if (Number.isNaN(time)) return unknownText;
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** The text in one line without control characters, cut at `max` characters with an ellipsis. */
export function oneLine(text: string, max = 120): string {
  // Long texts are cut before they are cleaned: a prompt may hold megabytes.
  const line = plainText(text.slice(0, max * 8))
    .replace(/\s+/g, ' ')
    .trim();
  const characters = Array.from(line);
  return characters.length <= max
    ? line
    : `${characters
        .slice(0, max - 1)
        .join('')
        .trimEnd()}…`;
}

/** `1 turn`, `4 turns`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  // `toLocaleString` loads the data of all languages: 8 ms, a tenth of what a command takes.
  const digits = String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
  return `${digits} ${count === 1 ? one : many}`;
}

/** `a, b and c`. */
export function listed(words: readonly string[], conjunction: 'and' | 'or'): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} ${conjunction} ${words.at(-1)}`;
}

/** `a, b, c, …`: the first ones, and whether there are more. */
export function firstOf(words: readonly (string | number)[], most: number): string {
  return `${words.slice(0, most).join(', ')}${words.length > most ? ', …' : ''}`;
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();
}

function scaled(value: number): string {
  return value < 99.95 ? value.toFixed(1).replace(/\.0$/, '') : String(Math.round(value));
}

function joined(first: string, rest: number, unit: string): string {
  return rest === 0 ? first : `${first} ${rest} ${unit}`;
}

/** The text with a full stop where it has no end of its own: causes often come from elsewhere, without one. */
export function sentence(text: string): string {
  const said = text.trimEnd();
  return said === '' || /[.!?…]$/.test(said) ? said : `${said}.`;
}

/** An error's message and its next step. */
export function messageWithHint({ message, hint }: { message: string; hint: string }): string {
  return hint === '' ? message : `${sentence(message)} ${hint}`;
}

/** `0 B`, `12 B`, then as `byteSize`. */
export function fileSize(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : byteSize(bytes);
}

/** `1 kB`, `340 kB`, `3.4 MB`, `1.2 GB`. */
export function byteSize(bytes: number): string {
  if (bytes < 999_500) return `${Math.max(1, Math.round(bytes / 1000))} kB`;
  if (bytes < 999_500_000) return `${scaled(bytes / 1_000_000)} MB`;
  return `${scaled(bytes / 1_000_000_000)} GB`;
}
