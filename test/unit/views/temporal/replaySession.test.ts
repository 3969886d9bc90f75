import { expect, it } from 'vitest';
import { runIdSchema } from '../../../../src/core/ids.ts';
import { replaySession } from '../../../../src/views/temporal/replaySession.ts';

const program = {
  program: '/extension/dist/replay.js',
  cwd: '/extension/dist',
  args: ['/home/data/r-1.json', '--debug'],
  env: { TEMPORAL_DEBUG: '1' },
  runtime: '/editor/node',
};

it('a replay is launched in the JavaScript debugger, with the sources of a bundle outside of the workspace', () => {
  const session = replaySession(runIdSchema.parse('r-1'), program);
  expect(session).toMatchObject({
    type: 'node',
    request: 'launch',
    name: 'Replay of r-1',
    program: '/extension/dist/replay.js',
    args: ['/home/data/r-1.json', '--debug'],
    env: { TEMPORAL_DEBUG: '1' },
    runtimeExecutable: '/editor/node',
    cwd: '/extension/dist',
    outputCapture: 'std',
    resolveSourceMapLocations: ['**/workflow-bundle-*.js'],
  });
  expect(replaySession(runIdSchema.parse('r-1'), { ...program, runtime: null })).not.toHaveProperty(
    'runtimeExecutable',
  );
});
