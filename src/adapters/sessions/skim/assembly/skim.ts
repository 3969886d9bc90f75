// src/adapters/sessions/skim/assembly: AssemblyScript that scripts/compileAssembly.mjs compiles: what checks and
// skims lines. No imports, no allocation for each line, no knowledge of sessions.

export { begin, dataAt, memberCount, membersAt } from './checkLine';
export { keysAt } from './keys';
export { beginPassing, invalidatePlace, endOfLine, commitPlace, passedAt, passOver, skim } from './passOver';
export { addUuid, beginUuids, kindOfUuid } from './uuids';
