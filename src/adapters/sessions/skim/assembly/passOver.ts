/*
 * Passes over the lines that tell a session's summary nothing but that they are there. Of hundreds of thousands of lines nearly
 * all are replies and tool results that say what the line before said of branch, folder, version and model.
 */
import {
  checkLine,
  depthOf,
  isEscaped,
  keyOf,
  lengthOf,
  memberBytes,
  membersAt,
  membersEnd,
  numberValues,
  valueOf,
} from './checkLine';
import { nameNumber } from './keys';
import { isKept, keep, placeBytes } from './keptValues';
import {
  keyContent,
  keyCwd,
  keyGitBranch,
  keyIsCompactSummary,
  keyIsMeta,
  keyIsSidechain,
  keyIsVisibleInTranscriptOnly,
  keyLogicalParentUuid,
  keyMessage,
  keyModel,
  keyParentUuid,
  keyRole,
  keySessionId,
  keyText,
  keyTimestamp,
  keyTotalCostUSD,
  keyType,
  keyUuid,
  keyVersion,
  wordAssistant,
  wordCostState,
  wordCustomTitle,
  wordSystem,
  wordToolResult,
  wordUser,
} from './recordKeys';
import { addUuid, isMain, isUuid, kindOfUuid, uuidBytes } from './uuids';

/** The types of records that hold titles, and all further words. */
const firstTitle: u32 = wordCustomTitle;

/** Members of the line itself, by the number of their key; 0 where there is none. */
const mostKeys: u32 = 64;
const top = memory.data(mostKeys * 4, 16);
let role: u32 = 0;
let content: u32 = 0;
let model: u32 = 0;
/** Blocks of the message, and how many of them are tool results or texts. */
let blocks: u32 = 0;
let results: u32 = 0;
let texts: u32 = 0;
/** Whether a text of the message may be more than what somebody wrote. */
let isOdd: bool = false;
/** Whether the places above are those of the line that was skimmed last. */
let isLocated: bool = false;

/** What the last line that counted said of where it was written. */
const lastValues = memory.data(5 * placeBytes, 16);
const lastCwd = <u32>lastValues;
const lastGitBranch = lastCwd + placeBytes;
const lastVersion = lastGitBranch + placeBytes;
const lastSessionId = lastVersion + placeBytes;
const lastModel = lastSessionId + placeBytes;
let hasPlace: bool = false;
let hasModel: bool = false;

/**
 * What was passed over last, for the caller to read: how many lines, how many of these hold messages, how many of these are
 * prompts; whether they have a time; whether the last chained one is a prompt of one block; how long the last cost is, 0 for none;
 * behind these numbers the time, that prompt's `uuid`, and the cost.
 */
const numbers: u32 = 6 * 4;
const timeBytes: u32 = 24;
const longestCost: u32 = 24;
const passed = memory.data(numbers + timeBytes + uuidBytes + longestCost, 16);
const passedTime = <u32>passed + numbers;
const passedUuid = passedTime + timeBytes;
const passedCost = passedUuid + uuidBytes;
let lines: u32 = 0;
let messages: u32 = 0;
let prompts: u32 = 0;
let hasTime: bool = false;
let isOpen: bool = false;
let costLength: u32 = 0;
/** Of the line at which `passOver` stopped: see `checkLine`. */
let lineEnd: i32 = -1;

/** Forgets the transcript before. */
export function beginPassing(): void {
  isLocated = hasPlace = hasModel = false;
}

/** Checks a line and numbers its texts: see `checkLine`. */
export function skim(at: u32, end: u32): i32 {
  isLocated = false;
  const after = checkLine(at, end);
  if (after >= 0) numberValues();
  return after;
}

/** Of the line at which `passOver` stopped: see `checkLine`. */
export function endOfLine(): i32 {
  return lineEnd;
}

export function passedAt(): u32 {
  return <u32>passed;
}

@inline
function topOf(key: u32): u32 {
  return load<u32>(<u32>top + key * 4);
}

@inline
function isText(member: u32): bool {
  return load<u8>(valueOf(member)) == 0x22;
}

/** Whether the member is a text without escapes, whose bytes say what it says. */
@inline
function isClearText(member: u32): bool {
  return !isEscaped(member) && isText(member);
}

/** The first byte of a member's value; that of `null` where there is no such member. */
@inline
function kindOf(member: u32): u32 {
  return member == 0 ? 0x6e : load<u8>(valueOf(member));
}

function wordOf(member: u32): u32 {
  return nameNumber(valueOf(member) + 1, lengthOf(member) - 2);
}

/** "Unknown " as a number: so begins what Claude Code says of a command that it doesn't know. */
const unknownWord: u64 = 0x206e776f6e6b6e55;

/**
 * Whether a text of a prompt is just that: what Claude Code puts in a prompt's place begins with a tag or a bracket, what it
 * may answer itself with a slash.
 */
function isWritten(member: u32): bool {
  if (member == 0 || !isText(member)) return false;
  const first = <u32>load<u8>(valueOf(member) + 1);
  // White space, and the bytes with which white space of other scripts begins.
  if (first == 0x55 && load<u64>(valueOf(member) + 1) == unknownWord) return false;
  if (first <= 0x20 || first == 0xc2 || (first >= 0xe1 && first <= 0xe3) || first == 0xef) return false;
  return first != 0x22 && first != 0x2f && first != 0x3c && first != 0x5b && first != 0x5c;
}

/** Counts a block of the message. @param type a word, 0 for others @param text its member of that name */
function countBlock(type: u32, text: u32): void {
  blocks++;
  if (type == wordToolResult) results++;
  else if (type == keyText) {
    texts++;
    if (!isWritten(text)) isOdd = true;
  }
}

/** Finds the members that count. @returns false where some stand twice, or the message's content is unusual */
function locate(): bool {
  memory.fill(<u32>top, 0, mostKeys * 4);
  role = content = model = blocks = results = texts = 0;
  isOdd = false;
  let isInBlock = false;
  let hasType = false;
  let blockType: u32 = 0;
  let blockText: u32 = 0;
  let outer: u32 = 0;
  let inner: u32 = 0;
  const end = membersEnd();
  for (let member = membersAt(); member < end; member += memberBytes) {
    const key = keyOf(member);
    const depth = depthOf(member);
    if (depth == 1) {
      if (topOf(key) != 0) return false;
      store<u32>(<u32>top + key * 4, member);
      outer = key;
      inner = 0;
    } else if (depth == 2) {
      inner = key;
      if (outer == keyMessage) {
        if (key == keyRole) role = member;
        else if (key == keyModel) model = member;
        else if (key == keyContent) {
          if (content != 0) return false;
          content = member;
        }
      }
    } else if (outer == keyMessage && inner == keyContent) {
      if (depth == 3) {
        if (isInBlock) {
          if (!hasType) return false;
          countBlock(blockType, blockText);
        }
        if (kindOf(member) != 0x7b) return false;
        isInBlock = true;
        hasType = false;
        blockText = 0;
      } else if (key == keyType) {
        if (hasType || !isClearText(member)) return false;
        hasType = true;
        blockType = wordOf(member);
      } else if (key == keyText) {
        blockText = member;
      }
    }
  }
  if (!isInBlock) return true;
  if (!hasType) return false;
  countBlock(blockType, blockText);
  return true;
}

@inline
function digits(at: u32): u32 {
  const high = <u32>load<u8>(at) - 0x30;
  const low = <u32>load<u8>(at, 1) - 0x30;
  return high < 10 && low < 10 ? high * 10 + low : 100;
}

/** Whether a text is a time as Claude Code writes it, and one that there is. */
function isTime(member: u32): bool {
  if (member == 0 || !isClearText(member)) return false;
  if (lengthOf(member) - 2 != timeBytes) return false;
  const at = valueOf(member) + 1;
  const month = digits(at + 5);
  const day = digits(at + 8);
  return (
    digits(at) < 100 &&
    digits(at + 2) < 100 &&
    load<u8>(at, 4) == 0x2d &&
    month - 1 < 12 &&
    load<u8>(at, 7) == 0x2d &&
    // Which months are longer is left to those who read the others.
    day - 1 < (month == 2 ? 28 : 30) &&
    load<u8>(at, 10) == 0x54 &&
    digits(at + 11) < 24 &&
    load<u8>(at, 13) == 0x3a &&
    digits(at + 14) < 60 &&
    load<u8>(at, 16) == 0x3a &&
    digits(at + 17) < 60 &&
    load<u8>(at, 19) == 0x2e &&
    digits(at + 20) < 100 &&
    digits(at + 21) < 100 &&
    load<u8>(at, 23) == 0x5a
  );
}

/** Where the text of a uuid begins; 0 where the table can't hold it. */
function uuidAt(member: u32): u32 {
  if (!isClearText(member) || lengthOf(member) - 2 != uuidBytes) return 0;
  const text = valueOf(member) + 1;
  return isUuid(text) ? text : 0;
}

/** Whether a member, which may not be there, has the value that was kept last. */
function isSame(place: u32, member: u32): bool {
  return member == 0 ? isKept(place, 0, 0) : isKept(place, valueOf(member), lengthOf(member));
}

/** @returns false where the value is too long */
function keepValue(place: u32, member: u32): bool {
  return member == 0 ? keep(place, 0, 0) : keep(place, valueOf(member), lengthOf(member));
}

function isSamePlace(): bool {
  return (
    isSame(lastCwd, topOf(keyCwd)) &&
    isSame(lastGitBranch, topOf(keyGitBranch)) &&
    isSame(lastVersion, topOf(keyVersion)) &&
    isSame(lastSessionId, topOf(keySessionId))
  );
}

/**
 * The line that was skimmed last counted, with its time and all it says of where it was written.
 * @param isReply with its model, too
 */
export function commitPlace(isReply: bool): void {
  hasPlace =
    isLocated &&
    keepValue(lastCwd, topOf(keyCwd)) &&
    keepValue(lastGitBranch, topOf(keyGitBranch)) &&
    keepValue(lastVersion, topOf(keyVersion)) &&
    keepValue(lastSessionId, topOf(keySessionId));
  if (isReply) hasModel = isLocated && keepValue(lastModel, model);
}

/** The line that was skimmed last may have counted or not. */
export function invalidatePlace(): void {
  if (!isLocated) hasPlace = false;
  else if (kindOf(topOf(keyUuid)) != 0x6e && hasPlace) hasPlace = isSamePlace();
}

/** Whether that member of the line is not there, null or false. */
@inline
function isUnset(key: u32): bool {
  const kind = kindOf(topOf(key));
  return kind == 0x6e || kind == 0x66;
}

/** Whether a reply is by the model of the one before. */
function isPlainReply(): bool {
  return kindOf(content) == 0x5b && hasModel && isSame(lastModel, model);
}

/** Whether a user's line holds tool results and nothing else. */
function holdsResults(): bool {
  return kindOf(content) == 0x5b && blocks != 0 && results == blocks;
}

/** Whether a user's line is a prompt, beyond doubt. */
function isPrompt(): bool {
  if (!isUnset(keyIsMeta) || !isUnset(keyIsCompactSummary) || !isUnset(keyIsVisibleInTranscriptOnly)) return false;
  if (!isClearText(role) || wordOf(role) != wordUser) return false;
  if (kindOf(content) == 0x22) return isWritten(content);
  // What is put beside a prompt may stand in a line of its own.
  return kindOf(content) == 0x5b && (blocks > 1 || texts == 1) && results == 0 && !isOdd;
}

/** Whether a record of costs is just that. */
function isPlainCost(): bool {
  const cost = topOf(keyTotalCostUSD);
  const first = kindOf(cost);
  if (first != 0x2d && first - 0x30 >= 10) return true;
  const value = valueOf(cost);
  const length = lengthOf(cost);
  if (length > longestCost) return false;
  // A number so short is finite unless it has an exponent.
  for (let i: u32 = 0; i < length; i++) if ((load<u8>(value + i) | 0x20) == 0x65) return false;
  memory.copy(passedCost, value, length);
  costLength = length;
  return true;
}

/** Whether the line that was located says nothing new. If so, its uuid is taken. @param takesPrompts see `passOver` */
function isPlain(takesPrompts: bool): bool {
  const type = topOf(keyType);
  if (type == 0 || !isClearText(type)) return false;
  const word = wordOf(type);
  if (word == wordSystem || word >= firstTitle) return false;
  const uuid = topOf(keyUuid);
  const isMessage = word == wordUser || word == wordAssistant;
  // What is not chained counts for nothing.
  if (kindOf(uuid) == 0x6e) return word == wordCostState ? isPlainCost() : !isMessage;
  const uuidText = uuidAt(uuid);
  const time = topOf(keyTimestamp);
  if (uuidText == 0 || !hasPlace || !isSamePlace() || !isTime(time)) return false;
  if (!isUnset(keyIsSidechain)) return false;
  if (kindOf(topOf(keyLogicalParentUuid)) != 0x6e) return false;
  const parent = topOf(keyParentUuid);
  if (kindOf(parent) != 0x6e) {
    const parentText = uuidAt(parent);
    if (parentText == 0 || kindOfUuid(parentText) != isMain) return false;
  }
  let asks = false;
  if (isMessage) {
    if (kindOf(topOf(keyMessage)) != 0x7b || role == 0 || !isText(role)) return false;
    if (word == wordAssistant) {
      if (!isPlainReply()) return false;
    } else if (!holdsResults()) {
      asks = takesPrompts && isPrompt();
      if (!asks) return false;
    }
  }
  if (!addUuid(uuidText, isMain)) return false;
  if (isMessage) messages++;
  if (asks) prompts++;
  memory.copy(passedTime, valueOf(time) + 1, timeBytes);
  hasTime = true;
  isOpen = asks && blocks == 1;
  if (isOpen) memory.copy(passedUuid, uuidText, uuidBytes);
  return true;
}

/** @returns where the first line begins that must be read, or behind the last line */
function passLines(from: u32, end: u32, takesPrompts: bool): u32 {
  let at = from;
  while (true) {
    isLocated = false;
    lineEnd = checkLine(at, end);
    if (lineEnd < 0 || <u32>lineEnd == end) return at;
    isLocated = locate();
    if (!isLocated || !isPlain(takesPrompts)) {
      numberValues();
      return at;
    }
    lines++;
    at = <u32>lineEnd + 1;
  }
}

/**
 * Passes over lines from `at` on.
 * @param takesPrompts whether prompts only count
 * @returns where the first line begins that must be read, or behind the last line
 */
export function passOver(at: u32, end: u32, takesPrompts: bool): u32 {
  lines = messages = prompts = costLength = 0;
  hasTime = isOpen = false;
  const next = passLines(at, end, takesPrompts);
  store<u32>(<u32>passed, lines);
  store<u32>(<u32>passed, messages, 4);
  store<u32>(<u32>passed, prompts, 8);
  store<u32>(<u32>passed, hasTime, 12);
  store<u32>(<u32>passed, isOpen, 16);
  store<u32>(<u32>passed, costLength, 20);
  return next;
}
