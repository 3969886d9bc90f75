import { canonicalJson, type Json } from '../canonicalJson.ts';

/** The value without `cache_control`, at every depth. */
export function withoutCacheControl(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutCacheControl);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) =>
      key === 'cache_control' ? [] : [[key, withoutCacheControl(member)]],
    ),
  );
}

/** Equal for values that are the same to the prompt cache: breakpoints are no part of its key. */
export function cacheKeyOf(value: unknown): string {
  return canonicalJson(withoutCacheControl((value ?? null) as Json));
}

/**
 * A copy of the value with `cache_control` set at the path; only what lies on the path is copied.
 * @returns null where the path leads nowhere
 */
export function withCacheControlAt(value: Json, path: readonly (string | number)[], control: Json): Json | null {
  if (value === null || typeof value !== 'object') return null;
  const [step, ...rest] = path;
  if (step === undefined) return Array.isArray(value) ? null : { ...value, cache_control: control };
  const member = Array.isArray(value) ? value[Number(step)] : value[String(step)];
  const changed = member === undefined ? null : withCacheControlAt(member, rest, control);
  if (changed === null) return null;
  return Array.isArray(value) ? value.with(Number(step), changed) : { ...value, [String(step)]: changed };
}
