/* What the module exports. */
export { begin, dataAt, keysAt, memberCount, membersAt } from './checkLine';
export {
  beginPassing,
  doubtPlace,
  endOfLine,
  hasPassedTime,
  keepPlace,
  lastCostAt,
  lastCostLength,
  lastTimeAt,
  passedLines,
  passedMessages,
  passedPrompts,
  passOver,
  skim,
} from './passOver';
export { addUuid, beginUuids, kindOfUuid } from './uuids';
