/*
 * Values that later ones are compared with. Each has a place of `placeBytes`: the value, and its length at the end.
 */

export const placeBytes: u32 = 128;
const longestValue: u32 = 120;
const lengthAt: u32 = 124;

/** Compares 16 bytes at a time: more than these may be read of both, and nearly all values are that short. */
export function sameBytes(a: u32, b: u32, length: u32): bool {
  for (let at: u32 = 0; at < length; at += 16) {
    const same = <u32>i8x16.bitmask(i8x16.eq(v128.load(a + at), v128.load(b + at)));
    const left = length - at;
    const asked: u32 = left >= 16 ? 0xffff : (1 << left) - 1;
    if ((same & asked) != asked) return false;
  }
  return true;
}

/** Whether the value is the one that was kept there last. */
export function isKept(place: u32, at: u32, length: u32): bool {
  return load<u32>(place + lengthAt) == length && sameBytes(place, at, length);
}

/** @returns false where the value is too long */
export function keep(place: u32, at: u32, length: u32): bool {
  if (length > longestValue) return false;
  // There is room for whole steps of 16; the length comes over what is too much of them.
  for (let copied: u32 = 0; copied < length; copied += 16) v128.store(place + copied, v128.load(at + copied));
  store<u32>(place + lengthAt, length);
  return true;
}
