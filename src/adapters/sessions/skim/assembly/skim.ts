/* What the module exports. */
export { begin, dataAt, keysAt, memberCount, membersAt } from './checkLine';
export { beginPassing, doubtPlace, endOfLine, keepPlace, passedAt, passOver, skim } from './passOver';
export { addUuid, beginUuids, kindOfUuid } from './uuids';
