import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../src/adapters/freePort.ts';
import { bundleCli, CliBench } from '../support/cli.ts';

let cli: Awaited<ReturnType<typeof bundleCli>>;
beforeAll(async () => {
  cli = await bundleCli();
});
afterAll(() => cli.remove());

let bench: CliBench;
let env: Record<string, string>;
beforeEach(async () => {
  bench = await CliBench.make(cli.script);
  // Node, and nothing else of this machine.
  const bin = path.join(bench.home, 'bin');
  await mkdir(bin);
  env = {
    PATH: bin,
    FORKPOINT_TOOLS: path.join(bench.home, 'no-tools'),
    TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}`,
  };
});
afterEach(() => bench.remove());

const key = Buffer.alloc(32, 5).toString('base64');

describe('doctor', () => {
  it('says what a bare machine lacks, and ends with 1', async () => {
    const { code, json } = await bench.run(['doctor', '--json'], { env });
    expect(code).toBe(1);
    const { checks } = json();
    expect(checks.map(({ name }: { name: string }) => name)).toEqual([
      'claude',
      'key',
      'places',
      'temporal server',
      'worker',
      'versions',
      'codec',
      'disk',
    ]);
    for (const { ok, hint, detail } of checks) {
      expect(detail).toBeTruthy();
      expect(typeof hint).toBe(ok ? 'object' : 'string');
    }
  });

  it('is content with a key or with Claude Code, shows no key and asks nobody', async () => {
    const secrets = { ANTHROPIC_API_KEY: 'sk-ant-secret', ANTHROPIC_BASE_URL: 'https://api.invalid' };
    const withKey = await bench.run(['doctor', '--json'], {
      env: { ...env, ...secrets, FORKPOINT_ENCRYPTION_KEY: key },
    });
    expect(withKey.code).toBe(0);
    expect(withKey.stdout).not.toMatch(/sk-ant-secret/);
    expect(withKey.stdout).not.toContain(key);
    expect(withKey.stdout).toContain('api.invalid');

    const claude = path.join(env.PATH ?? '', 'claude');
    const login = '{"loggedIn":true,"authMethod":"claude.ai","subscriptionType":"max"}';
    await writeFile(claude, `#!/bin/sh\n[ "$1" = --version ] && echo "2.1.329 (Claude Code)" || echo '${login}'\n`);
    await chmod(claude, 0o755);
    const { code, stdout } = await bench.run(['doctor'], { env });
    expect(code).toBe(0);
    // Long lines are broken at spaces.
    expect(stdout).toMatch(/^✓ claude +Claude Code 2\.1\.329, /m);
    expect(stdout.replace(/\s+/g, ' ')).toContain(`${claude} (PATH), Claude Max plan.`);
    expect(stdout).toMatch(/^– temporal server .*\n +→ /m);
  });
});

describe('temporal codec', () => {
  it('needs a key, and takes only one that fits', async () => {
    const none = await bench.run(['temporal', 'codec', '--json'], { env });
    expect([none.code, none.json().error.hint]).toEqual([2, expect.stringContaining('FORKPOINT_ENCRYPTION_KEY')]);
    const short = await bench.run(['temporal', 'codec'], { env: { ...env, FORKPOINT_ENCRYPTION_KEY: 'c2hvcnQ=' } });
    expect([short.code, short.stderr]).toEqual([2, expect.stringContaining('32 bytes')]);
    expect(short.stderr).not.toContain('c2hvcnQ=');
  });

  it('serves until it is interrupted', async () => {
    const asked = Promise.withResolvers<number>();
    const running = bench.run(['temporal', 'codec', '--ui', 'http://localhost:9999'], {
      env: { ...env, FORKPOINT_ENCRYPTION_KEY: key },
      onStdout: (text, kill) => {
        const [endpoint] = /http:\/\/127\.0\.0\.1:\d+\/[\w-]+/.exec(text) ?? [];
        if (endpoint === undefined) return;
        fetch(`${endpoint}/encode`, {
          method: 'POST',
          body: '{"payloads":[{}]}',
          headers: { origin: 'http://127.0.0.1:9999' },
        })
          .then(({ status }) => asked.resolve(status), asked.reject)
          .finally(() => kill('SIGINT'));
      },
    });
    expect(await asked.promise).toBe(200);
    expect((await running).code).toBe(0);
  });
});
