import type { PlaceProcess } from '../../core/agent/agentPorts.ts';

export interface Collected {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

/** Waits for a program's end. An abort ends it. @throws the signal's reason after an abort */
export async function collectRun(process: PlaceProcess, input = '', signal?: AbortSignal): Promise<Collected> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  process.onStdout((text) => stdout.push(text));
  process.onStderr((text) => stderr.push(text));
  const onAbort = (): void => process.kill();
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) process.kill();
  process.stdin.write(input);
  process.stdin.end();
  const { exitCode } = await process.ended;
  signal?.removeEventListener('abort', onAbort);
  signal?.throwIfAborted();
  return { exitCode, stdout: stdout.join(''), stderr: stderr.join('').trim() };
}
