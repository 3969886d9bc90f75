import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCheckRunner } from '../../../../src/adapters/checks/createCheckRunner.ts';
import { KeptOutput } from '../../../../src/adapters/checks/keptOutput.ts';
import type { CheckResult } from '../../../../src/core/agent/agentFacts.ts';
import type { Place, PlaceProcess } from '../../../../src/core/agent/agentPorts.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { MemoryBlobs } from '../../../support/memoryStores.ts';

type End = { exitCode: number | null; signal: string | null };

/** A place whose only program does what a test says. */
function stage() {
  const listeners: ((text: string) => void)[] = [];
  let end: (end: End) => void = () => {};
  const seen = { commands: [] as string[][], env: {}, killed: 0, stdinEnded: false };
  const process: PlaceProcess = {
    pid: 1,
    stdin: { write: () => {}, end: () => void (seen.stdinEnded = true) },
    onStdout: (listener) => void listeners.push(listener),
    onStderr: (listener) => void listeners.push(listener),
    ended: new Promise((resolve) => {
      end = resolve;
    }),
    signal: () => {},
    kill: () => {
      seen.killed += 1;
      end({ exitCode: null, signal: 'SIGKILL' });
    },
  };
  const place = {
    spawn: (command: string[], { env }: { env: object }) => {
      seen.commands.push(command);
      seen.env = env;
      return process;
    },
  } as unknown as Place;
  const [clock, blobs, cancel] = [new FakeClock(), new MemoryBlobs(), new AbortController()];
  const run = () =>
    createCheckRunner({ blobs, clock }).run(
      place,
      { name: 'tests', run: 'npm test', timeoutSeconds: 60 },
      { A: 'a' },
      cancel.signal,
    );
  const printed = async ({ output }: CheckResult) => (output === null ? null : await blobs.get(output));
  return {
    seen,
    clock,
    cancel,
    run,
    printed,
    end: (e: End) => end(e),
    out: (t: string) => listeners[0]?.(t),
    err: (t: string) => listeners[1]?.(t),
  };
}

const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('a check', () => {
  it('passes where its command ends with 0; its output is kept as it came', async () => {
    const { seen, clock, run, printed, end, out, err } = stage();
    const running = run();
    out('\u001b[32mone\u001b[0m\n');
    err('warning\n');
    out('two\n');
    clock.advance(1234);
    end({ exitCode: 0, signal: null });
    const result = await running;
    expect(result).toMatchObject({ name: 'tests', exitCode: 0, passed: true, ms: 1234 });
    expect(await printed(result)).toEqual({ text: '\u001b[32mone\u001b[0m\nwarning\ntwo\n' });
    expect(seen).toEqual({ commands: [['sh', '-c', 'npm test']], env: { A: 'a' }, killed: 0, stdinEnded: true });
    expect(clock.waits).toEqual([]);
  });

  it('fails with any other code, and where a signal that is not ours ends it', async () => {
    const failing = stage();
    const first = failing.run();
    failing.end({ exitCode: 3, signal: null });
    expect(await first).toMatchObject({ exitCode: 3, passed: false });
    const crashing = stage();
    const second = crashing.run();
    crashing.end({ exitCode: null, signal: 'SIGSEGV' });
    expect(await second).toMatchObject({ exitCode: 139, passed: false });
    expect(await crashing.printed(await second)).toEqual({ text: '\n[ended by SIGSEGV]\n' });
  });

  it('is killed when its time is up', async () => {
    const { seen, clock, run, printed, out } = stage();
    const running = run();
    out('half\n');
    clock.advance(59_999);
    await tick();
    expect(seen.killed).toBe(0);
    clock.advance(1);
    const result = await running;
    expect(result).toMatchObject({ exitCode: null, passed: false, ms: 60_000 });
    expect(await printed(result)).toEqual({ text: 'half\n\n[ended: it took longer than 1 min]\n' });
    expect(seen.killed).toBe(1);
  });

  it('is killed when it is cancelled, and not begun after that', async () => {
    const { seen, cancel, run } = stage();
    const running = run();
    cancel.abort(new Error('cancelled'));
    expect(await running).toMatchObject({ exitCode: null, passed: false });
    expect(seen.killed).toBe(1);
    expect(await run()).toMatchObject({ exitCode: null, passed: false, ms: 0 });
    expect(seen.commands).toHaveLength(1);
  });
});

describe('output', () => {
  it('is whole up to its size, else head and tail, with no character cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 30 }), { maxLength: 30 }),
        fc.integer({ min: 10, max: 200 }),
        (pieces, half) => {
          const output = new KeptOutput(half * 2);
          for (const piece of pieces) output.add(piece);
          const whole = pieces.join('');
          const [text, size] = [output.text(), Buffer.byteLength(whole)];
          if (size <= half * 2) return text === whole;
          const [head = '', tail = ''] = text.split(/\n\[… 1 kB left out …\]\n/);
          const kept = Buffer.byteLength(head) + Buffer.byteLength(tail);
          return (
            whole.startsWith(head) &&
            whole.endsWith(tail) &&
            kept <= half * 2 &&
            kept > half * 2 - 20 &&
            !text.includes('\ufffd')
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  it('of many megabytes says how much was left out', () => {
    const output = new KeptOutput();
    for (let at = 0; at < 40_000; at += 1) output.add(`${String(at).padStart(99, '.')}\n`);
    const text = output.text();
    expect(text).toContain('\n[… 3 MB left out …]\n');
    expect(text.length).toBeLessThan(1_000_100);
    expect(text.endsWith('39999\n')).toBe(true);
  });
});
