/*
 * The names that are told apart, and which keys mostly follow each other: Claude Code writes the members of its records in one
 * order, so that a key need not be read where it is the one that came here last.
 */
import { sameBytes } from './keptValues';

/** Names: for each its length and its bytes; filled in by the caller. */
const mostNames: u32 = 64;
const longestName: u32 = 31;
const names = memory.data(mostNames * 32, 16);
/** First name with that hash; further ones follow behind it. */
const nameOfHash = memory.data(256);
/** Names with a higher number are words that values are compared with: as keys nobody asks for them. */
let keyCount: u32 = 0;

/**
 * What came behind a key, or at the beginning of an object, the last time and the time when it was another one: 32 bytes with the
 * key in its quotes, the same key as `learnKey` returns it, and a bit for each of its bytes.
 */
const followerBytes: u32 = 48;
const followerKey: u32 = 32;
const followerBits: u32 = 36;
const longestFollower: u32 = 32;
/** One for each hash of a key, and behind these one for each depth. */
const followers = memory.data(264 * 2 * followerBytes, 16);

export function keysAt(): u32 {
  return <u32>names;
}

/** @param count how many names the caller has filled in @param noted how many of these are keys */
export function beginKeys(count: u32, noted: u32): void {
  keyCount = noted;
  for (let i: u32 = 0; i < count; i++) {
    const name = <u32>names + i * 32;
    let slot = hashOf(name + 1, load<u8>(name));
    while (load<u8>(<u32>nameOfHash + slot) != 0) slot = (slot + 1) & 255;
    store<u8>(<u32>nameOfHash + slot, <u8>(i + 1));
  }
}

@inline
function hashOf(at: u32, length: u32): u32 {
  return (load<u8>(at) * 7 + load<u8>(at + (length >> 1)) * 3 + load<u8>(at + length - 1) + length * 13) & 255;
}

/** The number of a name, 1-based; 0 where it is none of those that were filled in. */
export function nameNumber(at: u32, length: u32): u32 {
  if (length == 0 || length > longestName) return 0;
  let slot = hashOf(at, length);
  for (let number = <u32>load<u8>(<u32>nameOfHash + slot); number != 0; ) {
    const name = <u32>names + (number - 1) * 32;
    if (load<u8>(name) == length && sameBytes(name + 1, at, length)) return number;
    slot = (slot + 1) & 255;
    number = load<u8>(<u32>nameOfHash + slot);
  }
  return 0;
}

/** Place in `followers` of the first key of objects at that depth, which is at most 4. */
@inline
export function beginningOf(depth: u32): u32 {
  return 256 + (depth & 7);
}

@inline
function followersOf(last: u32): u32 {
  return <u32>followers + last * 2 * followerBytes;
}

/**
 * The key that stands there, where it is one of those that came last behind the one before.
 * @param at its opening quote
 * @returns the key as `learnKey` returned it; 0 where it is another one
 */
@inline
export function expectedKey(last: u32, at: u32): u32 {
  const key = sameKey(followersOf(last), at);
  return key != 0 ? key : sameKey(followersOf(last) + followerBytes, at);
}

/** The key of a follower, 0 where another one stands there. */
@inline
function sameKey(follower: u32, at: u32): u32 {
  const first = <u32>i8x16.bitmask(i8x16.eq(v128.load(follower), v128.load(at)));
  const second = <u32>i8x16.bitmask(i8x16.eq(v128.load(follower, 16), v128.load(at, 16)));
  const bits = load<u32>(follower, followerBits);
  return ((first | (second << 16)) & bits) == bits ? load<u32>(follower, followerKey) : 0;
}

/**
 * A key without escapes, to be expected behind the one before from now on.
 * @param last place of the one before in `followers`
 * @param at its opening quote
 * @param length with its quotes
 * @returns its number, 0 where nobody asks for it, its place in `followers`, and its length
 */
export function learnKey(last: u32, at: u32, length: u32): u32 {
  const number = nameNumber(at + 1, length - 2);
  const place = length > 2 ? hashOf(at + 1, length - 2) : 0;
  if (length > longestFollower) return (number > keyCount ? 0 : number) | (place << 8);
  const key = (number > keyCount ? 0 : number) | (place << 8) | (length << 20);
  const follower = followersOf(last);
  memory.copy(follower + followerBytes, follower, followerBytes);
  v128.store(follower, v128.load(at));
  v128.store(follower, v128.load(at, 16), 16);
  store<u32>(follower, key, followerKey);
  store<u32>(follower, <u32>((<u64>1 << length) - 1), followerBits);
  return key;
}

@inline
export function numberOfKey(key: u32): u32 {
  return key & 0xff;
}

@inline
export function placeOfKey(key: u32): u32 {
  return (key >> 8) & 0xfff;
}

/** With its quotes. */
@inline
export function lengthOfKey(key: u32): u32 {
  return key >> 20;
}
