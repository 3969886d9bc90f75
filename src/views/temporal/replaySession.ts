import type { RunId } from '../../core/ids.ts';
import type { ReplayProgram } from '../../core/run/temporalControl.ts';

/** A launch of VS Code's JavaScript debugger for the replay of a run. See https://code.visualstudio.com/docs/nodejs/nodejs-debugging. */
export function replaySession(runId: RunId, { program, args, env, runtime }: ReplayProgram) {
  return {
    type: 'node',
    request: 'launch',
    name: `Replay of ${runId}`,
    program,
    args,
    env,
    ...(runtime !== null && { runtimeExecutable: runtime }),
    console: 'internalConsole',
    // The workflows lie with the extension, outside of every workspace; their source map has the sources in it.
    resolveSourceMapLocations: ['**'],
    outFiles: [],
    skipFiles: ['<node_internals>/**', '**/node_modules/**'],
  };
}
