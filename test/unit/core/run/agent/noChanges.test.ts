import { expect, it } from 'vitest';
import { noChanges } from '../../../../../src/core/run/agent/noChanges.ts';

it('says of a branch that ended before its agent began that nothing was changed, and of no ended one to wait', () => {
  const failed = noChanges({ name: 'one', state: 'failed', steps: 0 });
  expect([failed.message, failed.hint]).toEqual([
    '“one” changed nothing: its agent never began to work.',
    'See why with `forkpoint status`, then run Retry Failed.',
  ]);
  expect(noChanges({ name: 'one', state: 'failed', steps: 2 }).message).toContain('interrupted');
  expect(noChanges({ name: 'one', state: 'running', steps: 0 }).hint).toContain('Wait');
});
