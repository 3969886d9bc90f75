import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { forkRequestSchema } from '../../src/core/fork/forkRequest.ts';
import { createServices } from '../../src/services.ts';
import { bundleCli, CliBench } from '../support/cli.ts';
import { type WrittenSession, writeSession } from '../support/writeSession.ts';

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let bench: CliBench;
let claudeDir = '';
let first: WrittenSession;
let second: WrittenSession;

beforeAll(async () => {
  bundle = await bundleCli();
});
afterAll(() => bundle.remove());

beforeEach(async () => {
  bench = await CliBench.make(bundle.script);
  claudeDir = join(bench.home, '.claude');
  first = await writeSession(claudeDir, '/home/sam/slug-tools', ['One', 'Two']);
  second = await writeSession(claudeDir, '/home/sam/website', ['Three']);
});
afterEach(() => bench.remove());

const copyOf = ({ file }: WrittenSession) => file.replace(claudeDir, join(bench.home, 'data', 'archive'));

describe('forkpoint keep', () => {
  it('copies sessions, and list says so', async () => {
    const kept = await bench.run(['keep', first.sessionId.slice(0, 13), second.file, '--json']);
    expect(kept.code).toBe(0);
    expect(kept.json()).toEqual({
      kept: [first, second].map((session) => ({
        sessionId: session.sessionId,
        file: copyOf(session),
        copied: 1,
        bytes: readFileSync(session.file).length,
      })),
      failed: [],
    });
    expect(readFileSync(copyOf(first))).toEqual(readFileSync(first.file));
    const again = await bench.run(['keep', first.sessionId]);
    expect(again.stdout).toBe('“One” is kept already.\n');
    const { sessions } = (await bench.run(['list', '--json'])).json();
    expect(sessions.map((each: { kept: boolean; archived: boolean }) => [each.kept, each.archived])).toEqual([
      [true, false],
      [true, false],
    ]);
  });

  it('leaves them to read when the originals are gone', async () => {
    await bench.run(['keep', first.sessionId]);
    rmSync(claudeDir, { recursive: true });
    const { sessions } = (await bench.run(['list', '--json'])).json();
    expect(sessions).toMatchObject([
      { sessionId: first.sessionId, file: copyOf(first), archived: true, expiresAt: null },
    ]);
    expect((await bench.run(['list'])).stdout).toContain('archived');
    const { turns } = (await bench.run(['inspect', first.sessionId, '--json'])).json();
    expect(turns.map(({ prompt }: { prompt: string }) => prompt)).toEqual(['One', 'Two']);
    const request = await bench.run(['request', first.sessionId, '--turn', '2', '--json']);
    expect(request.json().request.messages).toHaveLength(3);
  });

  it('fails as others do where there is nothing to keep, and keeps the rest', async () => {
    const none = await bench.run(['keep', 'nothing', '--json']);
    expect([none.code, none.json().error.code]).toEqual([3, 'not_found']);
    expect((await bench.run(['keep'])).code).toBe(2);
    const some = await bench.run(['keep', 'nothing', first.sessionId, '--json']);
    expect(some.code).toBe(1);
    expect(some.json()).toMatchObject({ kept: [{ sessionId: first.sessionId }], failed: [{ session: 'nothing' }] });
  });
});

describe('a session that is forked', () => {
  const dispatch = async (keepForkedSessions: boolean) => {
    const home = mkdtempSync(join(tmpdir(), 'keep-forked-'));
    const services = await createServices({
      claudeDirs: [claudeDir],
      home,
      provider: 'demo',
      keepForkedSessions: () => keepForkedSessions,
    });
    try {
      const request = forkRequestSchema.parse({ session: first.file, at: { turn: 2 }, branches: [{ name: 'same' }] });
      const { runId } = await services.forks.dispatch(request);
      await services.forks.whenEnded(runId);
      const kept = async () => (await services.sessions.list()).find(({ file }) => file === first.file)?.kept;
      if (keepForkedSessions) await expect.poll(kept).toBe(true);
      return await kept();
    } finally {
      await services.dispose();
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    }
  };

  it('is kept where the setting says so', async () => expect(await dispatch(true)).toBe(true));
  it('is not kept otherwise', async () => expect(await dispatch(false)).toBe(false));
});
