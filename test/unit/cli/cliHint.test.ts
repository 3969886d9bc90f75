import { expect, it } from 'vitest';
import { cliHint } from '../../../src/cli/cliHint.ts';

it('names commands in place of what the editor calls them', () => {
  const ids = { runId: 'r-1', branchId: 'b2' };
  expect(cliHint('Run Resume: it runs what is missing.', ids)).toBe(
    'Run forkpoint resume r-1: it runs what is missing.',
  );
  expect(cliHint('Start “claude”, then run Resume or Retry Failed.')).toBe(
    'Start “claude”, then run forkpoint resume RUN or forkpoint retry RUN.',
  );
  expect(cliHint('Look at its output, open a terminal in the branch, then run Retry Failed.', ids)).toBe(
    'Look at its output, look around in it (forkpoint exec r-1 b2 -- sh), then run forkpoint retry r-1.',
  );
  expect(cliHint('Check the path.', ids)).toBe('Check the path.');
});
