import { describe, expect, it } from 'vitest';
import { BadInputError, EngineUnavailableError, StorageError } from '../../../../src/core/errors.ts';
import type { TemporalVersions } from '../../../../src/core/run/temporalControl.ts';
import { checkSetup, type SetupProbes } from '../../../../src/core/setup/checkSetup.ts';
import { isSetUp, setupText } from '../../../../src/core/setup/setupCheck.ts';

const stopped = { state: 'stopped' as const, address: '127.0.0.1:7233', ui: null, pid: null, managed: false };
const probes: SetupProbes = {
  agent: async () => ({
    program: '/opt/claude',
    version: '2.1.329',
    from: 'PATH',
    login: 'Claude Max plan',
    billing: 'subscription',
  }),
  secret: async () => null,
  apiHost: 'api.example',
  places: async () => [
    { kind: 'overlay', available: false, detail: 'User namespaces are off.' },
    { kind: 'worktree', available: true, detail: 'Files at another path.' },
  ],
  temporal: async () => ({ server: stopped, workers: [] }),
  temporalCli: async () => '/opt/temporal',
  activeSchedules: async () => [],
  hasWorker: () => true,
  encryptionKeyId: async () => null,
  store: null,
  disk: async () => ({ folder: '/data', freeBytes: 5e9, problem: null }),
  versions: { Forkpoint: '0.1.0', Node: '22.1.0' },
  temporalIsDefault: false,
};
const look = async (changes: Partial<SetupProbes>) => {
  const checks = await checkSetup({ ...probes, ...changes });
  return { ok: isSetUp(checks), of: (name: string) => checks.find((check) => check.name === name), checks };
};

describe('the checks of the set-up', () => {
  it('find a machine ready that has Claude Code and nothing else', async () => {
    const { ok, checks, of } = await look({});
    expect(ok).toBe(true);
    const names = ['claude', 'key', 'places', 'temporal server', 'worker', 'versions', 'codec', 'disk'];
    expect(checks.map(({ name }) => name)).toEqual(names);
    for (const check of checks) expect(check.ok, check.name).toBe(check.hint === null);
    expect(of('temporal server')).toMatchObject({ ok: false, needed: false, hint: expect.stringContaining('start') });
    expect(of('places')?.detail).toBe('worktree: Files at another path. No overlay: User namespaces are off.');
  });

  it('need Claude Code or a key', async () => {
    const neither = await look({ agent: async () => null });
    expect([neither.ok, neither.of('claude')?.needed]).toEqual([false, true]);
    expect(
      (await look({ agent: async () => null, secret: async () => ({ from: 'ANTHROPIC_API_KEY', unused: null }) })).ok,
    ).toBe(true);
    const loggedOut = await look({ agent: async () => ({ ...(await probes.agent())!, login: 'not logged in' }) });
    expect([loggedOut.ok, loggedOut.of('claude')?.hint]).toEqual([false, expect.stringContaining('log in')]);
  });

  it('say which key or token is used, and which is not', async () => {
    const { of } = await look({ secret: async () => ({ from: 'ANTHROPIC_AUTH_TOKEN', unused: 'ANTHROPIC_API_KEY' }) });
    expect(of('key')).toMatchObject({
      ok: true,
      detail: 'Requests go to api.example with ANTHROPIC_AUTH_TOKEN; ANTHROPIC_API_KEY is set, too, and not used.',
    });
  });

  it('need Temporal where runs go there', async () => {
    expect((await look({ temporalIsDefault: true })).ok).toBe(false);
    const running = { ...stopped, state: 'running' as const, managed: true };
    const workers = [{ pid: 7, taskQueue: 'forkpoint', state: 'running' as const }];
    const up = await look({ temporalIsDefault: true, temporal: async () => ({ server: running, workers }) });
    expect([up.ok, up.of('worker')?.detail]).toEqual([true, '1 worker: process 7 running on forkpoint.']);
    const scheduled = await look({
      temporal: async () => ({ server: running, workers: [] }),
      activeSchedules: async () => ['nightly', 'weekly'],
    });
    expect(scheduled.of('worker')).toMatchObject({
      ok: false,
      detail: 'None is running: what nightly and weekly fires waits for one.',
      hint: expect.stringContaining('forkpoint worker'),
    });
    const versions = { current: 'forks:one', ramping: null, rampingPercent: 0 };
    const workerOf = async (found: TemporalVersions) =>
      (await look({ temporal: async () => ({ server: running, workers, versions: found }) })).of('worker')?.detail;
    expect(await workerOf(versions)).toMatch(/New runs go to version forks:one\.$/);
    expect(await workerOf({ ...versions, ramping: 'forks:two', rampingPercent: 25 })).toMatch(
      /25 % of new runs go to version forks:two, the others to version forks:one\.$/,
    );
    const unshipped = await look({ hasWorker: () => false });
    expect([unshipped.ok, unshipped.of('worker')?.ok]).toEqual([true, false]);
  });

  it('take what a probe throws for a finding, with its next step', async () => {
    const none = new EngineUnavailableError('No Temporal CLI was found.', 'Install it.');
    const { of } = await look({
      temporalCli: () => Promise.reject(none),
      encryptionKeyId: () => Promise.reject(new BadInputError('It is not 32 bytes in base64.', 'Make a key.')),
      places: () => Promise.reject(new Error('no such folder')),
      store: () => Promise.reject(new StorageError("Can't write probe.json in /mnt/team.", 'Mount it.')),
    });
    expect(of('store')).toMatchObject({ ok: false, needed: false, hint: 'Mount it.' });
    expect(of('temporal server')).toMatchObject({ ok: false, detail: none.message, hint: none.hint });
    expect(of('codec')).toMatchObject({ ok: false, hint: 'Make a key.' });
    expect(of('places')).toMatchObject({ ok: false, detail: 'no such folder', hint: expect.any(String) });
  });

  it('need a disk with room that can be written to, and a Node that runs us', async () => {
    const full = await look({ disk: async () => ({ folder: '/data', freeBytes: 1e6, problem: null }) });
    expect([full.ok, full.of('disk')?.hint]).toEqual([false, expect.stringContaining('Make room')]);
    const readOnly = await look({ disk: async () => ({ folder: '/data', freeBytes: null, problem: 'EROFS' }) });
    expect([readOnly.ok, readOnly.of('disk')?.detail]).toEqual([false, expect.stringContaining('EROFS')]);
    expect((await look({ versions: { Node: 'v18.2.0' } })).ok).toBe(false);
  });
});

it('reads as a list with the next step below what lacks', async () => {
  const text = setupText((await look({ agent: async () => null })).checks);
  expect(text).toMatch(/^✗ claude {11}Claude Code was not found\.\n {19}→ Install it/);
  expect(text).toContain('\n– key ');
  expect(text).toContain('\n✓ disk ');
  expect(text).toMatch(/has to be mended before forks can run\.$/);
  const lines = text.split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  const codec = lines.findIndex((line) => line.includes('codec'));
  expect(lines[codec + 1]).toMatch(/^ {19}\S/);
  // Nothing is lost on the way, and what can't be broken is not.
  const path = `/${'x'.repeat(120)}`;
  expect(setupText([{ name: 'a', ok: false, needed: true, detail: `At ${path} it is.`, hint: null }])).toContain(
    `✗ a  At\n     ${path}\n     it is.`,
  );
});
