import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCheckRunner } from '../../src/adapters/checks/createCheckRunner.ts';
import { systemClock } from '../../src/adapters/systemClock.ts';
import { checkSpecSchema } from '../../src/core/agent/agentSettings.ts';
import { MemoryBlobs } from '../support/memoryStores.ts';
import { plainPlace } from '../support/plainPlace.ts';

const blobs = new MemoryBlobs();
const runner = createCheckRunner({ blobs, clock: systemClock });
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'check-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function check(run: string, { timeoutSeconds = 20, signal = new AbortController().signal } = {}) {
  const spec = checkSpecSchema.parse({ name: 'check', run, timeoutSeconds });
  const env = { PATH: process.env.PATH ?? '', FORKPOINT_BRANCH: 'b1-1' };
  const { output, ...result } = await runner.run(plainPlace(folder), spec, env, signal);
  return { ...result, text: output === null ? null : ((await blobs.get(output)) as { text: string }).text };
}

function isAlive(pid: number): boolean {
  try {
    // One that has ended may be listed until its parent has asked for its exit code.
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a check in a real shell', () => {
  it('runs in the session’s folder with the given environment only', async () => {
    const { text, ...result } = await check('pwd; echo $FORKPOINT_BRANCH; echo "[$HOME]" >&2; cat; exit 4');
    expect(result).toMatchObject({ exitCode: 4, passed: false });
    expect(text?.split('\n').sort()).toEqual(['', folder, '[]', 'b1-1']);
  });

  it('passes', async () => {
    expect(await check('true')).toMatchObject({ exitCode: 0, passed: true, text: '' });
  });

  it.each(['late', 'cancelled'])('is ended with everything that it started when it is %s', async (why) => {
    const cancel = new AbortController();
    if (why === 'cancelled') setTimeout(() => cancel.abort(), 600);
    const timeoutSeconds = why === 'late' ? 0.6 : 20;
    const command = 'echo begun; sleep 60 & echo $! > child; setsid sleep 60 & echo $! > other; wait';
    const { text, ms, ...result } = await check(command, { timeoutSeconds, signal: cancel.signal });
    expect(result).toMatchObject({ exitCode: null, passed: false });
    expect(ms).toBeLessThan(5_000);
    expect(text).toMatch(/^begun\n\n\[(ended: it took longer than 0\.6 s|cancelled)\]\n$/);
    for (const name of ['child', 'other']) {
      const pid = Number(readFileSync(join(folder, name), 'utf8'));
      await expect.poll(() => isAlive(pid)).toBe(false);
    }
  });
});
