import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configFolderOf } from '../../../../src/adapters/claudeCode/layout.ts';
import { checkpointFiles } from '../../../../src/adapters/files/checkpointFiles.ts';

const name = '0123456789abcdef@v1';
let root = '';
let copies = '';
let transcript = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'copies-'));
  copies = join(root, 'claude', 'file-history', 's1');
  transcript = join(root, 'claude', 'projects', '-work', 's1.jsonl');
  mkdirSync(copies, { recursive: true });
  mkdirSync(join(root, 'claude', 'projects', '-work'), { recursive: true });
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function read(wanted = name, sessions = ['s1']) {
  return checkpointFiles(transcript, sessions)(wanted);
}

describe('copies of Claude Code', () => {
  it.each<[string, Uint8Array]>([
    ['CRLF', Buffer.from('one\r\ntwo\r\n')],
    ['a byte order mark', Buffer.from('\uFEFFone\n')],
    ['UTF-16', Buffer.from('\uFEFFone\n', 'utf16le')],
    ['no line end', Buffer.from('one')],
    ['bytes that are no text', Buffer.from([0, 255, 254, 0xe9, 10])],
    ['nothing', Buffer.from('')],
    ['12 MB', Buffer.alloc(12_000_000, 'line\r\n')],
  ])('with %s are read byte by byte', async (_name, content) => {
    writeFileSync(join(copies, name), content);
    const copy = await read();
    expect(copy?.bytes.length).toBe(content.length);
    expect(Buffer.compare(Buffer.from(copy?.bytes ?? []), content)).toBe(0);
    expect(copy).toMatchObject({ mode: 0o644, ref: `file-history/s1/${name}` });
  });

  it('have the mode of their file', async () => {
    writeFileSync(join(copies, name), '#!/bin/sh\n', { mode: 0o755 });
    expect((await read())?.mode).toBe(0o755);
  });

  it('of a fork are hard links, of a subagent those of its session', async () => {
    writeFileSync(join(copies, name), 'shared\n');
    const other = join(root, 'claude', 'file-history', 's2');
    mkdirSync(other);
    linkSync(join(copies, name), join(other, name));
    expect((await read(name, ['s2']))?.ref).toBe(`file-history/s2/${name}`);
    expect((await read(name, ['agent-1', 's1']))?.ref).toBe(`file-history/s1/${name}`);
  });

  it.each([
    '../../../secret',
    '/etc/passwd',
    'a@v1',
    '0123456789abcdef@v1/../x',
    '0123456789abcdef@v1\0',
    '0123456789ABCDEF@v1',
    '',
  ])('are not looked for under the name %j', async (bad) => {
    writeFileSync(join(root, 'secret'), 'secret');
    expect(await read(bad)).toBeNull();
  });

  it.each(['..', '.', '../s1', 's1/../s1', '', 'a\0b'])('are not looked for in the session %j', async (session) => {
    writeFileSync(join(copies, name), 'x');
    expect(await read(name, [session])).toBeNull();
  });

  it('are not read through a link, from a pipe or from a folder', async () => {
    writeFileSync(join(root, 'secret'), 'secret');
    symlinkSync(join(root, 'secret'), join(copies, name));
    execFileSync('/usr/bin/mkfifo', [join(copies, '0123456789abcdef@v2')]);
    mkdirSync(join(copies, '0123456789abcdef@v3'));
    expect([await read(), await read('0123456789abcdef@v2'), await read('0123456789abcdef@v3')]).toEqual([
      null,
      null,
      null,
    ]);
    mkdirSync(join(root, 'outside'));
    writeFileSync(join(root, 'outside', name), 'secret');
    symlinkSync(join(root, 'outside'), join(root, 'claude', 'file-history', 's3'));
    expect(await read(name, ['s3'])).toBeNull();
  });

  it('are read where the config folder itself is a link', async () => {
    writeFileSync(join(copies, name), 'x');
    symlinkSync(join(root, 'claude'), join(root, 'link'));
    transcript = join(root, 'link', 'projects', '-work', 's1.jsonl');
    expect((await read())?.bytes).toEqual(new Uint8Array([120]));
  });

  it('that were cleaned up are absent', async () => {
    expect(await read()).toBeNull();
    rmSync(join(root, 'claude', 'file-history'), { recursive: true });
    expect(await read()).toBeNull();
  });
});

describe('the config folder of a transcript', () => {
  it.each([
    ['/c/projects/p/s.jsonl', '/c'],
    ['/c/projects/p/s/subagents/agent-1.jsonl', '/c'],
    ['/projects/x/projects/p/s.jsonl', '/projects/x'],
    ['/elsewhere/s.jsonl', null],
  ])('of %s is %s', (file, folder) => {
    expect(configFolderOf(file)).toBe(folder);
  });
});
