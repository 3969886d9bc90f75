import { expect, it } from 'vitest';
import { checkExecutor, forkRequestOf } from '../../../src/cli/forkOptions.ts';

it('refuses an option of the other executor by its name', () => {
  expect(() => checkExecutor('api', { place: 'copy', check: ['true'] })).toThrow(
    '--place, --check: with the executor api nothing is executed.',
  );
  expect(() => checkExecutor('api', { claude: '/bin/claude' })).toThrow('--claude');
  expect(() => checkExecutor('claude-code', { tools: 'stop', maxSteps: 3, cache: true })).toThrow(
    '--tools, --max-steps: with the executor claude-code',
  );
  expect(() => checkExecutor('claude-code', { place: 'copy', check: ['true'], cache: true })).not.toThrow();
  expect(() => checkExecutor('api', { tools: 'stop', maxSteps: 3, cache: true })).not.toThrow();
});

it.each(['', '=', '=x', ' =npm test', 'tests=', 'tests= '])(
  'a check without a name or a command is refused: %j',
  async (check) => {
    await expect(forkRequestOf('s', { turn: 1 }, { check: [check] })).rejects.toThrow('--check names no command');
  },
);
