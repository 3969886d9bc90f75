import { expect, it } from 'vitest';
import { runSettingsSchema } from '../../../../src/core/fork/forkRequest.ts';
import { leftOutNote } from '../../../../src/core/fork/leftOutSettings.ts';

const settings = (given: object) => runSettingsSchema.parse(given);

it('names what only the other executor knows', () => {
  const agents = settings({ setup: ['npm ci'], permissions: 'deny', maxTurns: 3 });
  expect(leftOutNote(agents, 'api')).toBe(
    'The Messages API executes nothing: permissions, setup and maxTurns are left out.',
  );
  expect(leftOutNote(agents, 'claude-code')).toBeNull();
  const requests = settings({ tools: 'stop', maxSteps: 3, cache: true });
  expect(leftOutNote(requests, 'claude-code')).toBe(
    'Claude Code carries its calls out by itself: tools and maxSteps are left out.',
  );
  expect(leftOutNote(settings({ maxSteps: 3 }), 'claude-code')).toContain(': maxSteps is left out.');
  expect(leftOutNote(requests, 'api')).toBeNull();
  expect(leftOutNote(settings({ cache: false, tools: 'recorded' }), 'claude-code')).toBeNull();
});
