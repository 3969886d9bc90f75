/*
 * Checks one line of JSON and notes where some of its members lie, without making any value: what a session's outline needs
 * of a megabyte of tool output is its first and last hundred bytes, and that nothing between them is damaged. Strings are
 * passed over 64 bytes at a time, more than ten times as fast as `JSON.parse`.
 *
 * A line that this accepts is accepted by `JSON.parse` with the same members; a line that it refuses may still be good
 * (deeper than `deepest`, more than `mostMembers`, an escape in a key): whoever calls takes the slow way then.
 */

import { isKept, keep, placeBytes } from './keptValues';
import { beginKeys, beginningOf, expectedKey, learnKey, lengthOfKey, numberOfKey, placeOfKey } from './keys';

/** Room for the members of a line: of each four numbers, see `note`. */
export const memberBytes: u32 = 16;
const mostMembers: u32 = 1024;
const members = memory.data(mostMembers * memberBytes, 16);
const mostKeys: u32 = 64;
/** The value that each key had last, where it is short, and how many different values it had. */
const lastValues = memory.data(mostKeys * placeBytes, 16);
const serials = memory.data(mostKeys * 4, 16);
const deepest: u32 = 150;
const refused: u32 = 0;

let limit: u32 = 0;
let count: u32 = 0;
let escaped: bool = false;
/** Bit of each key in whose value members are noted too. */
let openKeys: u64 = 0;

export function membersAt(): u32 {
  return <u32>members;
}

/** Where the bytes to check may begin: everything before is ours. */
export function dataAt(): u32 {
  return ((<u32>__heap_base + 63) >> 6) << 6;
}

/**
 * @param names how many the caller has filled in
 * @param noted how many of these are keys
 * @param opened bit n: the value of key n is looked into
 */
export function begin(names: u32, noted: u32, opened: u64): void {
  beginKeys(names, noted);
  openKeys = opened;
}

@inline
function skipSpace(at: u32): u32 {
  while (at < limit) {
    const byte = load<u8>(at);
    if (byte > 0x20 || (byte != 0x20 && byte != 0x09 && byte != 0x0d)) break;
    at++;
  }
  return at;
}

@inline
function isDigit(byte: u32): bool {
  return byte - 0x30 < 10;
}

function isHex(byte: u32): bool {
  return isDigit(byte) || (byte | 0x20) - 0x61 < 6;
}

/** The bits of four times 16 bytes. */
@inline
function bitsOf(a: v128, b: v128, c: v128, d: v128): u64 {
  const low = <u64>(<u32>(i8x16.bitmask(a) | (i8x16.bitmask(b) << 16)));
  const high = <u64>(<u32>(i8x16.bitmask(c) | (i8x16.bitmask(d) << 16)));
  return low | (high << 32);
}

/**
 * What is compared with 16 bytes at once. It is read from memory, because a constant is made anew for each use, which within a
 * loop takes as long as the comparison.
 */
const comparands = memory.data<u64>(
  [
    0x0202020202020202, 0x0202020202020202, 0x2020202020202020, 0x2020202020202020, 0x5c5c5c5c5c5c5c5c,
    0x5c5c5c5c5c5c5c5c, 0x0f0f0f0f0f0f0f0f, 0x0f0f0f0f0f0f0f0f,
    // What stands behind nearly every backslash: one character for each lower half of a byte, from the right. The first one is
    // that of no byte with this half: a zero would make an escape of a NUL.
    0x0066007400220001, 0x2f6e005c00000000,
  ],
  16,
);

/** Quotes, and what must not stand in a string: with one bit turned, quotes come right behind the control characters. */
@inline
function quoteOrControl(bytes: v128, turn: v128, space: v128): v128 {
  const turned = v128.xor(bytes, turn);
  return i8x16.eq(i8x16.min_u(turned, space), turned);
}

@inline
function isOftenEscaped(bytes: v128, often: v128, lowerHalf: v128): v128 {
  return i8x16.eq(i8x16.swizzle(often, v128.and(bytes, lowerHalf)), bytes);
}

/** Whether an escape may consist of the character there and, for `u`, of what follows it. */
function isEscape(at: u32): bool {
  const byte = load<u8>(at);
  if (byte == 0x75)
    return isHex(load<u8>(at, 1)) && isHex(load<u8>(at, 2)) && isHex(load<u8>(at, 3)) && isHex(load<u8>(at, 4));
  if (byte == 0x22 || byte == 0x5c || byte == 0x2f) return true;
  return byte == 0x62 || byte == 0x66 || byte == 0x6e || byte == 0x72 || byte == 0x74;
}

/** @param at behind the opening quote @returns behind the closing one */
function skipString(at: u32): u32 {
  const turn = v128.load(comparands);
  const space = v128.load(comparands, 16);
  const backslash = v128.load(comparands, 32);
  // Most strings are keys and ids.
  for (let i = 0; i < 3; i++) {
    const bytes = v128.load(at);
    const special = i8x16.bitmask(v128.or(quoteOrControl(bytes, turn, space), i8x16.eq(bytes, backslash)));
    if (special != 0) {
      const place = at + ctz(special);
      const byte = load<u8>(place);
      if (byte == 0x5c) break;
      return byte == 0x22 && place < limit ? place + 1 : refused;
    }
    at += 16;
  }
  return skipLongString(at);
}

/** As `skipString`, 64 bytes at a time: texts hold an escape in every line. @param at where no escape has begun */
function skipLongString(at: u32): u32 {
  const turn = v128.load(comparands);
  const space = v128.load(comparands, 16);
  const backslash = v128.load(comparands, 32);
  const lowerHalf = v128.load(comparands, 48);
  const oftenEscaped = v128.load(comparands, 64);
  const odd: u64 = 0xaaaaaaaaaaaaaaaa;
  /** Whether the first byte is escaped by the one before. */
  let carried: u64 = 0;
  for (; at < limit; at += 64) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    const d = v128.load(at, 48);
    let ends = bitsOf(
      quoteOrControl(a, turn, space),
      quoteOrControl(b, turn, space),
      quoteOrControl(c, turn, space),
      quoteOrControl(d, turn, space),
    );
    const slashes = bitsOf(
      i8x16.eq(a, backslash),
      i8x16.eq(b, backslash),
      i8x16.eq(c, backslash),
      i8x16.eq(d, backslash),
    );
    if ((slashes | carried) != 0) {
      // Of backslashes in a row every other one escapes what follows: the subtraction carries through each row.
      const begins = slashes & ~carried;
      const codes = (((begins << 1) | odd) - begins) ^ odd;
      let after = codes ^ (slashes | carried);
      carried = (codes & slashes) >> 63;
      ends &= ~after;
      if (ends != 0) after &= (ends & (0 - ends)) - 1;
      if (after != 0) escaped = true;
      const often = bitsOf(
        isOftenEscaped(a, oftenEscaped, lowerHalf),
        isOftenEscaped(b, oftenEscaped, lowerHalf),
        isOftenEscaped(c, oftenEscaped, lowerHalf),
        isOftenEscaped(d, oftenEscaped, lowerHalf),
      );
      for (let left = after & ~often; left != 0; left &= left - 1)
        if (!isEscape(at + <u32>ctz(left))) return refused;
    }
    if (ends != 0) {
      const place = at + <u32>ctz(ends);
      return load<u8>(place) == 0x22 && place < limit ? place + 1 : refused;
    }
  }
  return refused;
}

function skipDigits(at: u32): u32 {
  const first = at;
  while (at < limit && isDigit(load<u8>(at))) at++;
  return at == first ? refused : at;
}

function skipNumber(at: u32): u32 {
  if (load<u8>(at) == 0x2d) at++;
  if (at < limit && load<u8>(at) == 0x30) at++;
  else at = skipDigits(at);
  if (at == refused) return refused;
  if (at < limit && load<u8>(at) == 0x2e) {
    at = skipDigits(at + 1);
    if (at == refused) return refused;
  }
  if (at < limit && (load<u8>(at) | 0x20) == 0x65) {
    at++;
    if (at < limit && (load<u8>(at) == 0x2b || load<u8>(at) == 0x2d)) at++;
    at = skipDigits(at);
  }
  return at;
}

@inline
function skipWord(at: u32, word: u32, length: u32): u32 {
  return load<u32>(at) == word ? at + length : refused;
}

/**
 * Notes a member: number of its key (0 for a member of a list) with its depth in the upper half and whether its text holds
 * escapes in the highest bit, where its value begins and ends, and, once `numberValues` was called, a number that is the same
 * as long as the key has the same value: most values stand in line after line, and the caller need not make them again.
 */
function note(key: u32, depth: u32): u32 {
  if (count == mostMembers) return refused;
  const slot = <u32>members + count * memberBytes;
  count++;
  store<u32>(slot, key | (depth << 16));
  return slot;
}

/** The number of a member's key. */
@inline
export function keyOf(member: u32): u32 {
  return load<u32>(member) & 0xffff;
}

/** In how many objects and lists it lies. */
@inline
export function depthOf(member: u32): u32 {
  return (load<u32>(member) >> 16) & 0x7fff;
}

/** Whether its text holds escapes. */
@inline
export function isEscaped(member: u32): bool {
  return <i32>load<u32>(member) < 0;
}

/** Where its value begins. */
@inline
export function valueOf(member: u32): u32 {
  return load<u32>(member, 4);
}

/** How long its value is, with the quotes of a text. */
@inline
export function lengthOf(member: u32): u32 {
  return load<u32>(member, 8) - load<u32>(member, 4);
}

/** @returns 0 for values that are too long to be remembered */
function serialOf(key: u32, at: u32, length: u32): u32 {
  const last = <u32>lastValues + key * placeBytes;
  const serial = <u32>serials + key * 4;
  if (!isKept(last, at, length)) {
    if (!keep(last, at, length)) return 0;
    store<u32>(serial, load<u32>(serial) + 1);
  }
  return load<u32>(serial);
}

function skipObject(from: u32, depth: u32, noting: bool): u32 {
  let at = skipSpace(from);
  if (load<u8>(at) == 0x7d) return at + 1;
  let last = beginningOf(depth);
  while (true) {
    if (load<u8>(at) != 0x22) return refused;
    let number: u32 = 0;
    if (noting) {
      let key = expectedKey(last, at);
      if (key != 0) {
        // Where it goes on behind the end its value does, too, which is refused.
        at += lengthOfKey(key);
      } else {
        escaped = false;
        const end = skipString(at + 1);
        // An escaped key may be one that is asked for.
        if (end == refused || escaped) return refused;
        key = learnKey(last, at, end - at);
        at = end;
      }
      number = numberOfKey(key);
      last = placeOfKey(key);
    } else {
      at = skipString(at + 1);
      if (at == refused) return refused;
    }
    at = skipSpace(at);
    if (load<u8>(at) != 0x3a) return refused;
    at = skipSpace(at + 1);
    if (number == 0) {
      at = skipValue(at, depth + 1, false);
      if (at == refused) return refused;
    } else {
      const slot = note(number, depth);
      if (slot == refused) return refused;
      store<u32>(slot + 4, at);
      escaped = false;
      at = skipValue(at, depth + 1, ((openKeys >> number) & 1) != 0);
      if (at == refused) return refused;
      store<u32>(slot + 8, at);
      if (escaped) store<u32>(slot, load<u32>(slot) | 0x80000000);
    }
    at = skipSpace(at);
    const next = load<u8>(at);
    at++;
    if (next == 0x7d) return at;
    if (next != 0x2c) return refused;
    at = skipSpace(at);
  }
}

function skipList(from: u32, depth: u32, noting: bool): u32 {
  let at = skipSpace(from);
  if (load<u8>(at) == 0x5d) return at + 1;
  while (true) {
    if (noting) {
      const slot = note(0, depth);
      if (slot == refused) return refused;
      store<u32>(slot + 4, at);
      at = skipValue(at, depth + 1, true);
      store<u32>(slot + 8, at);
    } else {
      at = skipValue(at, depth + 1, false);
    }
    if (at == refused) return refused;
    at = skipSpace(at);
    const next = load<u8>(at);
    at++;
    if (next == 0x5d) return at;
    if (next != 0x2c) return refused;
    at = skipSpace(at);
  }
}

/** @param depth of the value's members: 1 for those of the line's own @param noting whether members of this value are noted */
function skipValue(at: u32, depth: u32, noting: bool): u32 {
  if (at >= limit || depth > deepest) return refused;
  const byte = load<u8>(at);
  if (byte == 0x22) return skipString(at + 1);
  if (byte == 0x7b) return skipObject(at + 1, depth, noting && depth <= 4);
  if (byte == 0x5b) return skipList(at + 1, depth, noting && depth <= 4);
  if (byte == 0x74) return skipWord(at, 0x65757274, 4);
  if (byte == 0x66) return load<u8>(at + 4) == 0x65 ? skipWord(at, 0x736c6166, 5) : refused;
  if (byte == 0x6e) return skipWord(at, 0x6c6c756e, 4);
  return skipNumber(at);
}

/**
 * Checks the line that begins at `at`.
 * @param end of what is there
 * @returns place of the line break behind it, or `end` where the value ends there; -1 for what is refused, also where the
 * line goes on behind `end`
 */
export function checkLine(at: u32, end: u32): i32 {
  limit = end;
  count = 0;
  if (at >= end || load<u8>(at) != 0x7b) return -1;
  const after = skipObject(at + 1, 1, true);
  if (after == refused || after > limit) return -1;
  const rest = skipSpace(after);
  return rest == limit || load<u8>(rest) == 0x0a ? <i32>rest : -1;
}

/** Gives the texts among the noted members their numbers. */
export function numberValues(): void {
  const end = membersEnd();
  for (let slot = <u32>members; slot < end; slot += memberBytes) {
    const value = valueOf(slot);
    if (load<u8>(value) != 0x22) continue;
    store<u32>(slot + 12, serialOf(keyOf(slot), value, lengthOf(slot)));
  }
}

/** Behind the last member that was noted. */
export function membersEnd(): u32 {
  return <u32>members + count * memberBytes;
}

/** How many members the line that was accepted last has noted. */
export function memberCount(): u32 {
  return count;
}
