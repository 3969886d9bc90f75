/* What the module exports. */
export { begin, dataAt, memberCount, membersAt } from './checkLine';
export { keysAt } from './keys';
export { beginPassing, doubtPlace, endOfLine, keepPlace, passedAt, passOver, skim } from './passOver';
export { addUuid, beginUuids, kindOfUuid } from './uuids';
