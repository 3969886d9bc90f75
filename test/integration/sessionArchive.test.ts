import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSessionArchive } from '../../src/adapters/archive/createSessionArchive.ts';
import { BadInputError, NotFoundError, StorageError } from '../../src/core/errors.ts';
import { TranscriptBuilder } from '../support/transcript.ts';

let root = '';
let claudeDir = '';
let project = '';
let folder = '';
let now = 0;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'archive-')));
  claudeDir = join(root, 'claude');
  project = join(claudeDir, 'projects', '-work-slug-tools');
  folder = join(root, 'home', 'archive');
  mkdirSync(project, { recursive: true });
  now = Date.now();
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const archive = (openTarget?: typeof open) =>
  createSessionArchive({
    folder,
    claudeDirs: [claudeDir],
    clock: { now: () => now },
    ...(openTarget && { openTarget }),
  });

function put(file: string, content: string | Buffer): string {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

function transcript(sessionId: string, ...prompts: string[]): string {
  const builder = new TranscriptBuilder({ sessionId });
  for (const prompt of prompts) {
    builder.prompt(prompt);
    builder.reply('Done.');
  }
  return builder.text();
}

/** A session with one of everything that can belong to it, and strangers that don't. */
function wholeSession(sessionId = 'aaaa'): string {
  const own = join(project, sessionId);
  put(join(own, 'subagents', 'agent-one.jsonl'), transcript(sessionId, 'Look around'));
  put(join(own, 'subagents', 'agent-one.meta.json'), '{"agentType":"explore"}');
  put(join(own, 'tool-results', 'long.txt'), 'x'.repeat(100_000));
  put(join(own, 'custom-title.json'), '{"customTitle":"Mine"}');
  put(join(project, 'agent-old.jsonl'), transcript(sessionId, 'Old layout'));
  put(join(project, 'agent-other.jsonl'), transcript('other', 'Not its own'));
  put(join(project, 'bbbb.jsonl'), transcript('bbbb', 'Another session'));
  put(join(claudeDir, 'file-history', sessionId, '0123456789abcdef@v1'), Buffer.from([0xff, 0xfe, 0, 13, 10]));
  return put(join(project, `${sessionId}.jsonl`), transcript(sessionId, 'One', 'Two'));
}

/** Every file below a folder with a digest of its content. */
function contents(below: string): Record<string, string> {
  const files = readdirSync(below, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [file.slice(below.length + 1), createHash('sha256').update(readFileSync(file)).digest('hex')])
      .toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)),
  );
}

const copyOf = (sessionId: string) => join(folder, 'projects', '-work-slug-tools', `${sessionId}.jsonl`);

describe('keep', () => {
  it('copies all that belongs to the session, byte for byte, and nothing else', async () => {
    const file = wholeSession();
    const before = contents(claudeDir);
    const kept = await archive().keep(file);
    expect(kept.file).toBe(copyOf('aaaa'));
    const {
      [`projects/-work-slug-tools/agent-other.jsonl`]: _other,
      [`projects/-work-slug-tools/bbbb.jsonl`]: _b,
      ...own
    } = before;
    expect(contents(folder)).toEqual(own);
    expect(kept.copied).toBe(Object.keys(own).length);
    expect(contents(claudeDir)).toEqual(before);
    expect(statSync(kept.file).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(kept.file)).mode & 0o777).toBe(0o700);
    expect(statSync(kept.file).mtimeMs).toBeCloseTo(statSync(file).mtimeMs, -1);
  });

  it('keeps the whole session where it was asked for one of its subagents', async () => {
    const file = wholeSession();
    const { file: copy } = await archive().keep(join(project, 'aaaa', 'subagents', 'agent-one.jsonl'));
    expect(copy).toBe(copyOf('aaaa'));
    expect((await archive().keep(join(project, 'agent-old.jsonl'))).file).toBe(copy);
    expect(readFileSync(copy)).toEqual(readFileSync(file));
    put(join(project, 'agent-evil.jsonl'), '{"sessionId":"../../../evil","type":"user"}\n');
    await expect(archive().keep(join(project, 'agent-evil.jsonl'))).rejects.toThrow(NotFoundError);
  });

  it('makes copies that later changes of the originals don’t reach', async () => {
    const file = wholeSession();
    const kept = await archive().keep(file);
    const text = readFileSync(kept.file, 'utf8');
    expect(statSync(kept.file).ino).not.toBe(statSync(file).ino);
    appendFileSync(file, '{"type":"mode"}\n');
    expect(readFileSync(kept.file, 'utf8')).toBe(text);
  });

  it('copies nothing twice, and what has grown again', async () => {
    const file = wholeSession();
    await archive().keep(file);
    expect((await archive().keep(file)).copied).toBe(0);
    appendFileSync(file, transcript('aaaa', 'Three'));
    expect(await archive().keep(file)).toMatchObject({ copied: 1 });
    expect(readFileSync(copyOf('aaaa'))).toEqual(readFileSync(file));
    put(join(project, 'aaaa', 'tool-results', 'new.txt'), 'new');
    expect((await archive().keep(file)).copied).toBe(1);
  });

  it('copies again what was touched, to carry its time', async () => {
    const file = wholeSession();
    await archive().keep(file);
    utimesSync(file, new Date(now), new Date(now + 5_000));
    expect((await archive().keep(file)).copied).toBe(1);
    expect(statSync(copyOf('aaaa')).mtimeMs).toBeCloseTo(now + 5_000, -1);
  });

  it('keeps what the archive has when parts of the original are gone', async () => {
    const file = wholeSession();
    await archive().keep(file);
    const before = contents(folder);
    rmSync(join(project, 'aaaa'), { recursive: true });
    await archive().keep(file);
    expect(contents(folder)).toEqual(before);
  });

  it('never replaces a copy by a file that does not go on from it', async () => {
    const file = wholeSession();
    await archive().keep(file);
    const before = contents(folder);
    truncateSync(file, 40);
    await expect(archive().keep(file)).rejects.toThrow(BadInputError);
    put(file, transcript('aaaa', 'Something else', 'altogether', 'and longer', 'than it was'));
    await expect(archive().keep(file)).rejects.toThrow('holds another version');
    expect(contents(folder)).toEqual(before);
  });

  it('copies a session that is being written as it is at that moment', async () => {
    const file = wholeSession();
    appendFileSync(file, 'x'.repeat(3_000_000));
    const during: typeof open = async (path, flags, mode) => {
      const handle = await open(path, flags, mode);
      if (String(path).includes('aaaa.jsonl')) appendFileSync(file, 'later');
      return handle;
    };
    const at = readFileSync(file);
    await archive(during).keep(file);
    expect(readFileSync(copyOf('aaaa')).equals(at)).toBe(true);
    await archive().keep(file);
    expect(readFileSync(copyOf('aaaa')).equals(readFileSync(file))).toBe(true);
  });

  it('leaves nothing half-written where the disk is full, and says so', async () => {
    const file = wholeSession();
    const full: typeof open = async (path, flags, mode) => {
      const handle = await open(path, flags, mode);
      if (!String(path).includes('aaaa.jsonl')) return handle;
      const write = async (piece: Buffer) => {
        await handle.appendFile(piece.subarray(0, 10));
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      };
      return new Proxy(handle, {
        get: (target, name) => {
          if (name === 'write') return write;
          const member = Reflect.get(target, name) as unknown;
          return typeof member === 'function' ? member.bind(target) : member;
        },
      });
    };
    const failed = archive(full).keep(file);
    await expect(failed).rejects.toThrow(StorageError);
    await expect(failed).rejects.toThrow(`the disk of ${folder} is full`);
    expect(Object.keys(contents(folder)).filter((name) => /aaaa\.jsonl|partial/.test(name))).toEqual([]);
    await archive().keep(file);
    expect(readFileSync(copyOf('aaaa'))).toEqual(readFileSync(file));
  });

  it('refuses what is no session and follows no link', async () => {
    await expect(archive().keep(join(project, 'none.jsonl'))).rejects.toThrow(NotFoundError);
    const secret = put(join(root, 'secret'), 'secret');
    const file = wholeSession();
    symlinkSync(secret, join(project, 'aaaa', 'tool-results', 'link.txt'));
    symlinkSync(root, join(project, 'aaaa', 'up'));
    symlinkSync(secret, join(project, 'cccc.jsonl'));
    await expect(archive().keep(join(project, 'cccc.jsonl'))).rejects.toThrow(NotFoundError);
    await archive().keep(file);
    expect(Object.keys(contents(folder)).filter((name) => /link|up\/|secret/.test(name))).toEqual([]);
  });

  it('takes a session from outside any config folder too', async () => {
    const file = put(join(root, 'downloads', 'dddd.jsonl'), transcript('dddd', 'One'));
    expect((await archive().keep(file)).file).toBe(join(folder, 'projects', 'downloads', 'dddd.jsonl'));
  });

  it('survives being killed in the middle: no part is listed, and the next time cleans up', async () => {
    const file = wholeSession();
    appendFileSync(file, 'x'.repeat(60_000_000));
    const script = `
      import { open } from 'node:fs/promises';
      import { createSessionArchive } from ${JSON.stringify(join(import.meta.dirname, '../../src/adapters/archive/createSessionArchive.ts'))};
      const openTarget = async (path, ...rest) => {
        const handle = await open(path, ...rest);
        if (path.includes('aaaa.jsonl')) {
          await handle.appendFile('part');
          process.stdout.write('writing');
          await new Promise(() => setInterval(() => {}, 1000));
        }
        return handle;
      };
      await createSessionArchive({ folder: ${JSON.stringify(folder)}, claudeDirs: [], clock: { now: Date.now }, openTarget })
        .keep(${JSON.stringify(file)});`;
    const flags = ['--experimental-transform-types', '--no-warnings', '--input-type=module', '-e', script];
    const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', () => reject(new Error('It ended before it wrote.')));
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    const partials = () => readdirSync(dirname(copyOf('aaaa'))).filter((name) => name.endsWith('.partial'));
    expect(existsSync(copyOf('aaaa'))).toBe(false);
    expect(partials()).toHaveLength(1);
    now = Date.now() + 60 * 60 * 1000;
    await archive().keep(file);
    expect(partials()).toEqual([]);
    expect(readFileSync(copyOf('aaaa')).equals(readFileSync(file))).toBe(true);
  }, 30_000);
});

describe('refresh', () => {
  it('copies kept sessions again that have grown, and only those', async () => {
    const file = wholeSession();
    await archive().keep(file);
    await archive().keep(join(project, 'bbbb.jsonl'));
    expect(await archive().refresh()).toEqual({ refreshed: 0, failed: [] });
    appendFileSync(file, transcript('aaaa', 'Three'));
    put(join(project, 'cccc.jsonl'), transcript('cccc', 'Not kept'));
    expect(await archive().refresh()).toEqual({ refreshed: 1, failed: [] });
    expect(readFileSync(copyOf('aaaa'))).toEqual(readFileSync(file));
    expect(existsSync(copyOf('cccc'))).toBe(false);
  });

  it('goes on after a session that can’t be copied, and names it', async () => {
    const file = wholeSession();
    const other = join(project, 'bbbb.jsonl');
    await archive().keep(file);
    await archive().keep(other);
    put(file, 'replaced');
    appendFileSync(other, '\n');
    const { refreshed, failed } = await archive().refresh();
    expect(refreshed).toBe(1);
    expect(failed.map((each) => each.file)).toEqual([file]);
  });

  it('leaves copies alone whose originals are gone', async () => {
    const file = wholeSession();
    await archive().keep(file);
    rmSync(claudeDir, { recursive: true });
    const before = contents(folder);
    expect(await archive().refresh()).toEqual({ refreshed: 0, failed: [] });
    expect(contents(folder)).toEqual(before);
  });
});

describe('forget', () => {
  it('removes the copy with all that belongs to it, and no other', async () => {
    const file = wholeSession();
    const originals = contents(claudeDir);
    await archive().keep(join(project, 'bbbb.jsonl'));
    const before = contents(folder);
    await archive().keep(file);
    await archive().forget(file);
    expect(contents(folder)).toEqual(before);
    await archive().forget(copyOf('bbbb'));
    expect(contents(folder)).toEqual({});
    expect(contents(claudeDir)).toEqual(originals);
  });

  it('says so where there is nothing to remove', async () => {
    const file = wholeSession();
    await expect(archive().forget(file)).rejects.toThrow(NotFoundError);
    await expect(archive().forget(join(root, '..'))).rejects.toThrow(NotFoundError);
    expect(existsSync(file)).toBe(true);
  });

  it('deletes nothing through a link that leads out of the archive', async () => {
    const file = wholeSession();
    mkdirSync(join(folder, 'projects'), { recursive: true });
    symlinkSync(project, join(folder, 'projects', '-work-slug-tools'));
    await expect(archive().forget(file)).rejects.toThrow(StorageError);
    expect(existsSync(file)).toBe(true);
    expect(existsSync(join(project, 'aaaa', 'custom-title.json'))).toBe(true);
  });

  it('leaves checkpoints that another copy of the same session needs', async () => {
    const file = wholeSession();
    const moved = join(claudeDir, 'projects', '-work-moved');
    mkdirSync(moved);
    linkSync(file, join(moved, 'aaaa.jsonl'));
    await archive().keep(file);
    await archive().keep(join(moved, 'aaaa.jsonl'));
    await archive().forget(file);
    const checkpoint = join(folder, 'file-history', 'aaaa', '0123456789abcdef@v1');
    expect(existsSync(checkpoint)).toBe(true);
    await archive().forget(join(moved, 'aaaa.jsonl'));
    expect(existsSync(checkpoint)).toBe(false);
  });
});
