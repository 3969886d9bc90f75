/* What the module exports. */
export { begin, dataAt, memberCount, membersAt } from './checkLine';
export { keysAt } from './keys';
export { beginPassing, invalidatePlace, endOfLine, commitPlace, passedAt, passOver, skim } from './passOver';
export { addUuid, beginUuids, kindOfUuid } from './uuids';
