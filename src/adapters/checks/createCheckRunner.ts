import { constants } from 'node:os';
import type { CheckResult } from '../../core/agent/agentFacts.ts';
import type { CheckRunner, PlaceProcess } from '../../core/agent/agentPorts.ts';
import type { BlobStore } from '../../core/blobStore.ts';
import type { Clock } from '../../core/clock.ts';
import { duration } from '../../core/format.ts';
import { KeptOutput } from './keptOutput.ts';

type End = { exitCode: number | null; signal: string | null };

/** How long a program that was killed may take to be gone. */
const goneWithinMs = 5_000;

/** Runs checks in places, through the shell of the system. */
export function createCheckRunner(deps: { blobs: BlobStore; clock: Clock }): CheckRunner {
  const { blobs, clock } = deps;

  /** Waits until the program has ended, its time is up, or it is cancelled; in the last two cases it is killed. */
  const endOf = async (
    process: PlaceProcess,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<End | 'late' | 'cancelled'> => {
    const waiting = new AbortController();
    const limit = clock.sleep(limitMs, AbortSignal.any([waiting.signal, signal])).then(
      () => 'late' as const,
      () => 'cancelled' as const,
    );
    try {
      const end = await Promise.race([process.ended, limit]);
      if (typeof end !== 'string') return end;
      process.kill();
      await Promise.race([process.ended, clock.sleep(goneWithinMs, waiting.signal).catch(() => {})]);
      return end;
    } finally {
      waiting.abort();
      await limit;
    }
  };

  return {
    async run(place, { name, run, timeoutSeconds }, env, signal) {
      const started = clock.monotonic();
      const output = new KeptOutput();
      let end: End | 'late' | 'cancelled' = 'cancelled';
      if (!signal.aborted) {
        const process = place.spawn(shellCommand(run), { env });
        process.onStdout((text) => output.add(text));
        process.onStderr((text) => output.add(text));
        process.stdin.end();
        end = await endOf(process, timeoutSeconds * 1000, signal);
      }
      const exitCode = typeof end === 'string' ? null : exitCodeOf(end);
      const ms = Math.round(clock.monotonic() - started);
      output.add(closingLine(end, timeoutSeconds));
      const text = output.text();
      return { name, exitCode, passed: exitCode === 0, ms, output: await blobs.put({ text }) } satisfies CheckResult;
    },
  };
}

function shellCommand(run: string): string[] {
  return process.platform === 'win32' ? ['cmd.exe', '/d', '/s', '/c', run] : ['sh', '-c', run];
}

/** As a shell says it: 128 and the signal's number where one has ended the program. */
function exitCodeOf({ exitCode, signal }: End): number {
  if (exitCode !== null) return exitCode;
  const numbers: Record<string, number> = constants.signals;
  return 128 + (numbers[signal ?? ''] ?? 0);
}

function closingLine(end: End | 'late' | 'cancelled', timeoutSeconds: number): string {
  if (end === 'late') return `\n[ended: it took longer than ${duration(timeoutSeconds * 1000)}]\n`;
  if (end === 'cancelled') return '\n[cancelled]\n';
  return end.signal === null ? '' : `\n[ended by ${end.signal}]\n`;
}
