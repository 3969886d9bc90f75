import type { RunId } from '../../core/ids.ts';
import type { ReplayProgram } from '../../core/run/temporalControl.ts';

/** A launch of VS Code's JavaScript debugger for the replay of a run. See https://code.visualstudio.com/docs/nodejs/nodejs-debugging. */
export function replaySession(runId: RunId, { program, cwd, args, env, runtime }: ReplayProgram) {
  return {
    type: 'node',
    request: 'launch',
    name: `Replay of ${runId}`,
    program,
    cwd,
    args,
    env,
    ...(runtime !== null && { runtimeExecutable: runtime }),
    console: 'internalConsole',
    // It says on its standard output how the replay went.
    outputCapture: 'std',
    // The name that the SDK runs the workflows under, outside of every workspace. Their source map has the sources in it; what else is
    // shipped has none.
    resolveSourceMapLocations: ['**/workflow-bundle-*.js'],
    outFiles: [],
    skipFiles: ['<node_internals>/**', '**/node_modules/**'],
  };
}
