import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileStep } from '../../../../src/adapters/places/restoreFiles.ts';
import { writeInLayer } from '../../../../src/adapters/places/writeInLayer.ts';

let scratch = '';
let root = '';
let layer = '';

beforeEach(() => {
  scratch = realpathSync(mkdtempSync(path.join(tmpdir(), 'layer-')));
  root = path.join(scratch, 'root');
  layer = path.join(scratch, 'layer');
  mkdirSync(path.join(root, 'src/deep'), { recursive: true });
  mkdirSync(layer);
  writeFileSync(path.join(root, 'src/a.txt'), 'now\n');
  symlinkSync('src', path.join(root, 'link'));
});

afterEach(() => rmSync(scratch, { recursive: true, force: true }));

function step(name: string, text: string | null, mode = 0o644): FileStep {
  const file = path.join(root, name);
  return text === null
    ? { kind: 'remove', file }
    : { kind: 'write', file, bytes: Buffer.from(text), mode, changedAt: null };
}

function write(...steps: FileStep[]): Promise<boolean> {
  return writeInLayer(steps, root, layer, new AbortController().signal);
}

describe('writeInLayer', () => {
  it('writes files that are new or take a file’s place, and nothing else', async () => {
    chmodSync(path.join(root, 'src/deep'), 0o2750);
    const steps = [step('src/a.txt', 'then\n', 0o755), step('src/deep/b.txt', 'b\n'), step('made/late/c.txt', 'c\n')];
    expect(await write(...steps, step('never/was.txt', null))).toBe(true);
    const all = readdirSync(layer, { recursive: true }).map(String).sort();
    expect(all).toEqual(['made', 'made/late', 'made/late/c.txt', 'src', 'src/a.txt', 'src/deep', 'src/deep/b.txt']);
    expect(readFileSync(path.join(layer, 'src/a.txt'), 'utf8')).toBe('then\n');
    expect(lstatSync(path.join(layer, 'src/a.txt')).mode & 0o7777).toBe(0o755);
    expect(lstatSync(path.join(layer, 'src/deep')).mode & 0o7777).toBe(0o2750);
    expect(readFileSync(path.join(root, 'src/a.txt'), 'utf8')).toBe('now\n');
  });

  it('dates a copy of a file that is right otherwise', async () => {
    const [file, changedAt] = [path.join(root, 'src/a.txt'), Date.UTC(2026, 0, 1)];
    chmodSync(file, 0o700);
    expect(await write({ kind: 'date', file, changedAt })).toBe(true);
    const there = lstatSync(path.join(layer, 'src/a.txt'));
    expect([there.mtimeMs, there.mode & 0o7777]).toEqual([changedAt, 0o700]);
    expect(readFileSync(path.join(layer, 'src/a.txt'), 'utf8')).toBe('now\n');
    expect(lstatSync(file).mtimeMs).toBeGreaterThan(changedAt);
  });

  it('writes a file that is named twice as it was named last', async () => {
    expect(await write(step('src/a.txt', 'first\n'), step('src/a.txt', 'last\n'))).toBe(true);
    expect(readFileSync(path.join(layer, 'src/a.txt'), 'utf8')).toBe('last\n');
  });

  it.each([
    ['a file that goes', [['src/a.txt', null]]],
    ['a folder that goes', [['src/deep', null]]],
    ['a file in a folder’s place', [['src/deep', 'a file\n']]],
    ['a file in a link’s place', [['link', 'a file\n']]],
    ['a file behind a link', [['link/a.txt', 'x\n']]],
    ['a folder in a file’s place', [['src/a.txt/b.txt', 'x\n']]],
    [
      'a file that comes and goes',
      [
        ['c.txt', 'x\n'],
        ['c.txt', null],
      ],
    ],
    [
      'a file below another one',
      [
        ['new/b.txt', 'x\n'],
        ['new', 'x\n'],
      ],
    ],
  ] as const)('leaves %s to the kernel, and writes nothing', async (_, steps) => {
    expect(await write(step('new.txt', 'new\n'), ...steps.map(([name, text]) => step(name, text)))).toBe(false);
    expect(readdirSync(layer)).toEqual([]);
  });

  it('leaves a folder that nobody may write to to the kernel', async () => {
    chmodSync(path.join(root, 'src'), 0o555);
    expect(await write(step('src/a.txt', 'then\n'))).toBe(false);
    expect(existsSync(path.join(layer, 'src'))).toBe(false);
    chmodSync(path.join(root, 'src'), 0o755);
  });
});
