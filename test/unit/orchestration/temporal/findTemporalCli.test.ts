import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findTemporalCli } from '../../../../src/orchestration/temporal/findTemporalCli.ts';

describe('findTemporalCli', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'forkpoint-cli-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  async function program(...parts: string[]): Promise<string> {
    const file = path.join(dir, ...parts);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, '#!/bin/sh\n');
    await chmod(file, 0o755);
    return file;
  }

  it('takes the setting before all else, then TEMPORAL_CLI, PATH and the tool cache', async () => {
    const [named, variable, onPath, cached] = await Promise.all([
      program('named'),
      program('variable'),
      program('bin', 'temporal'),
      program('tools', 'temporal-1.5.1', 'bin', 'temporal'),
    ]);
    const env = { TEMPORAL_CLI: variable, PATH: path.join(dir, 'bin'), FORKPOINT_TOOLS: path.join(dir, 'tools') };
    expect(await findTemporalCli(named, env)).toBe(named);
    expect(await findTemporalCli('', env)).toBe(variable);
    expect(await findTemporalCli(undefined, { ...env, TEMPORAL_CLI: undefined })).toBe(onPath);
    expect(await findTemporalCli(undefined, { FORKPOINT_TOOLS: env.FORKPOINT_TOOLS })).toBe(cached);
  });

  it('takes the newest of the tool cache', async () => {
    await program('tools', 'temporal-1.5.1', 'bin', 'temporal');
    const newest = await program('tools', 'temporal-1.10.0', 'bin', 'temporal');
    expect(await findTemporalCli(undefined, { FORKPOINT_TOOLS: path.join(dir, 'tools') })).toBe(newest);
  });

  it('never passes over a named one that cannot be run', async () => {
    await program('bin', 'temporal');
    const env = { PATH: path.join(dir, 'bin') };
    await expect(findTemporalCli('/nowhere/temporal', env)).rejects.toMatchObject({ code: 'engine_unavailable' });
  });

  it('says how to get one where there is none', async () => {
    const env = { PATH: 'relative:', FORKPOINT_TOOLS: path.join(dir, 'none') };
    await expect(findTemporalCli(undefined, env)).rejects.toMatchObject({
      code: 'engine_unavailable',
      hint: expect.stringContaining('TEMPORAL_CLI'),
    });
  });
});
