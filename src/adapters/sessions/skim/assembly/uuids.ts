/*
 * The uuids of one transcript's records: which came before, and whether with a record of the conversation itself. Holds texts
 * of 36 bytes of ASCII, whatever they say; the caller keeps all others.
 */

export const uuidBytes: u32 = 36;
/** What is known of a uuid: nothing, or of which kind its record is. */
const isAbsent: u32 = 0;
export const isMain: u32 = 2;

/** One byte for each slot, and behind them the texts. */
let kinds: u32 = 0;
let texts: u32 = 0;
let mask: u32 = 0;
let used: u32 = 0;
/** Open addressing gets slow when more slots are taken. */
let mostUsed: u32 = 0;

/** Empties the table. @param at where it lies @param bits how many slots, as a power of two */
export function beginUuids(at: u32, bits: u32): void {
  const slots: u32 = 1 << bits;
  kinds = at;
  texts = at + slots;
  mask = slots - 1;
  used = 0;
  mostUsed = slots - (slots >> 2);
  memory.fill(kinds, 0, slots);
}

/** Whether the table can hold the text there. */
export function isUuid(at: u32): bool {
  return i8x16.bitmask(v128.or(v128.load(at), v128.load(at, 20))) == 0 && (load<u32>(at, 16) & 0x80808080) == 0;
}

/** The slot of that text, or the free one where it would go. */
function slotOf(at: u32): u32 {
  const begin = v128.load(at);
  const end = v128.load(at, 20);
  const mixed = v128.xor(begin, end);
  const sum = (i64x2.extract_lane(mixed, 0) * 0x9e3779b97f4a7c15) ^ i64x2.extract_lane(mixed, 1);
  let slot = <u32>(<u64>(sum * 0x9e3779b97f4a7c15) >> 40) & mask;
  while (load<u8>(kinds + slot) != isAbsent) {
    const text = texts + slot * uuidBytes;
    const isSame = v128.and(i8x16.eq(begin, v128.load(text)), i8x16.eq(end, v128.load(text, 20)));
    if (i8x16.all_true(isSame) && load<u32>(text, 16) == load<u32>(at, 16)) break;
    slot = (slot + 1) & mask;
  }
  return slot;
}

export function kindOfUuid(at: u32): u32 {
  return load<u8>(kinds + slotOf(at));
}

/** @returns false where the text is there already, or the table is full */
export function addUuid(at: u32, kind: u32): bool {
  const slot = slotOf(at);
  if (used == mostUsed || load<u8>(kinds + slot) != isAbsent) return false;
  used++;
  store<u8>(kinds + slot, <u8>kind);
  memory.copy(texts + slot * uuidBytes, at, uuidBytes);
  return true;
}
