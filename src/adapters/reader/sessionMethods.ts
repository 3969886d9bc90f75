import type { OpenSession } from '../../core/fork/sessionStore.ts';

/** Methods of an open session. */
export type SessionMethod = Exclude<keyof OpenSession, 'session'>;

/** How a method of an open session is carried to another thread: it gives one value, or many. */
export const sessionMethods = {
  turns: 'value',
  messages: 'values',
  requests: 'values',
  forkAt: 'value',
  branchChain: 'value',
  places: 'value',
  files: 'value',
  fileContent: 'value',
  commitAt: 'value',
} as const satisfies { [M in SessionMethod]: ReturnType<OpenSession[M]> extends Promise<unknown> ? 'value' : 'values' };
