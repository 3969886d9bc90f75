import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { toolPath } from '../../scripts/tools.ts';
import { createAgentFinder } from '../../src/adapters/claudeCode/findAgent.ts';
import { currentClaude } from '../support/agentStage.ts';

describe('finding Claude Code', () => {
  const scratch = async (): Promise<string> => realpath(await mkdtemp(join(tmpdir(), 'forkpoint-find-')));
  const program = (version: string): string => toolPath(`claude-code-${version}`);
  const envOf = (home: string, more: Record<string, string> = {}) => ({ PATH: '', HOME: home, ...more });

  test('in the order of setting, PATH, its extension, usual places', async () => {
    const home = await scratch();
    const bin = join(home, 'bin');
    const extensions = join(home, 'extensions');
    const put = async (version: string, ...folder: string[]): Promise<void> => {
      await mkdir(join(...folder), { recursive: true });
      await symlink(program(version), join(...folder, 'claude'));
    };
    const find = (options: object) =>
      createAgentFinder({ env: envOf(home, { PATH: bin }), extensionFolders: [extensions], ...options }).find();

    expect(await find({})).toBeNull();
    await put('2.1.200', home, '.local', 'bin');
    expect(await find({})).toMatchObject({ version: '2.1.200', from: 'usual place' });
    await put('2.1.260', extensions, 'anthropic.claude-code-2.1.99-linux-x64', 'resources', 'native-binary');
    await put('2.1.300', extensions, 'anthropic.claude-code-2.1.300-linux-x64', 'resources', 'native-binary');
    await mkdir(join(extensions, 'anthropic.claude-code-9.0.0'));
    expect(await find({})).toMatchObject({ version: '2.1.300', from: 'extension' });
    await mkdir(bin);
    // Of that name, and something else.
    await writeFile(join(bin, 'claude'), '#!/bin/sh\necho 1.2.3\n', { mode: 0o755 });
    expect(await find({})).toMatchObject({ from: 'extension' });
    await rm(join(bin, 'claude'));
    await put(currentClaude, bin);
    expect(await find({})).toEqual({
      program: join(bin, 'claude'),
      version: currentClaude,
      from: 'PATH',
      login: 'not logged in',
      billing: null,
    });
    expect(await find({ path: program('2.1.300') })).toMatchObject({ version: '2.1.300', from: 'setting' });
    expect(await find({ path: '~/.local/bin/claude' })).toMatchObject({ version: '2.1.200', from: 'setting' });
    await expect(find({ path: join(home, 'nothing') })).rejects.toThrow('There is no Claude Code at');
    await rm(home, { recursive: true });
  });

  test.each([
    [currentClaude, { ANTHROPIC_API_KEY: 'sk-ant-test' }, 'API key', 'api'],
    ['2.1.200', { CLAUDE_CODE_USE_BEDROCK: '1' }, 'Amazon Bedrock', 'api'],
    ['2.0.76', { ANTHROPIC_API_KEY: 'sk-ant-test' }, null, null],
  ])('%s says how it is logged in', async (version, more, login, billing) => {
    const home = await scratch();
    const configDir = join(home, 'elsewhere');
    const finder = createAgentFinder({
      path: program(version),
      env: envOf(home, { PATH: process.env.PATH ?? '', ...more }),
      configDir,
    });
    expect(await finder.find()).toMatchObject({ version, login, billing });
    expect(existsSync(join(home, '.claude.json'))).toBe(false);
    await rm(home, { recursive: true });
  });

  test('npm’s shim on Windows leads to the program', async () => {
    const home = await scratch();
    const exe = join(home, 'node_modules', '@anthropic-ai', 'claude-code', 'bin', 'claude.exe');
    await mkdir(dirname(exe), { recursive: true });
    await symlink(program(currentClaude), exe);
    const shim = '@ECHO off\r\n"%dp0%\\node_modules\\@anthropic-ai\\claude-code\\bin\\claude.exe"   %*\r\n';
    await writeFile(join(home, 'claude.cmd'), shim);
    const finder = createAgentFinder({ env: envOf(home, { PATH: home }), platform: 'win32' });
    expect(await finder.find()).toMatchObject({ program: exe, version: currentClaude });
    await rm(home, { recursive: true });
  });
});
