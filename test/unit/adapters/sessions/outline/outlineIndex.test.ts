import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OutlineIndex } from '../../../../../src/adapters/sessions/outline/outlineIndex.ts';
import { TranscriptScan } from '../../../../../src/adapters/sessions/transcriptScan.ts';
import { MemoryOutlines } from '../../../../support/memoryOutlines.ts';
import { TranscriptBuilder } from '../../../../support/transcript.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'outlines-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function databaseFile(): string {
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.db')) ?? '');
}

describe('remembered outlines', () => {
  it('are there for the next process, the last ones of each file', () => {
    new OutlineIndex(folder).put(
      '/a.jsonl',
      Object.entries({ scan: 1, 'outline 0': { lines: Int32Array.of(1, 2) } }),
      1,
    );
    new OutlineIndex(folder).put('/a.jsonl', [['scan', { lines: Int32Array.of(3) }]], 2);
    const index = new OutlineIndex(folder);
    expect(index.get('/a.jsonl', 'scan')).toEqual({ lines: Int32Array.of(3) });
    expect(index.get('/a.jsonl', 'outline 0')).toBeNull();
    expect(index.get('/b.jsonl', 'scan')).toBeNull();
  });

  it('get parts beside them, for files that are known', () => {
    const index = new OutlineIndex(folder);
    index.put('/a.jsonl', [['scan', 1]], 1);
    index.add('/a.jsonl', [['session', 2]]);
    index.add('/a.jsonl', [['session', 3]]);
    index.add('/b.jsonl', [['session', 4]]);
    expect(['scan', 'session'].map((part) => index.get('/a.jsonl', part))).toEqual([1, 3]);
    expect(index.get('/b.jsonl', 'session')).toBeNull();
  });

  it('are those of the files that were read last', () => {
    const index = new OutlineIndex(folder);
    for (let at = 0; at < 40; at += 1) index.put(`/${at}.jsonl`, [['scan', at]], at);
    expect(index.get('/0.jsonl', 'scan')).toBeNull();
    expect(index.get('/9.jsonl', 'scan')).toBeNull();
    expect([10, 39].map((at) => index.get(`/${at}.jsonl`, 'scan'))).toEqual([10, 39]);
  });

  it('are not believed where the disk has changed them', () => {
    const index = new OutlineIndex(folder);
    index.put('/a.jsonl', [['scan', 'as it was']], 1);
    const database = new DatabaseSync(databaseFile());
    database.prepare('update parts set content = ?').run(Buffer.from('something else'));
    database.close();
    expect(index.get('/a.jsonl', 'scan')).toBeNull();
  });

  it('are lost without an error where they can’t be kept', () => {
    const inTheWay = join(folder, 'file');
    writeFileSync(inTheWay, '');
    const index = new OutlineIndex(join(inTheWay, 'index'));
    index.put('/a.jsonl', [['scan', 1]], 1);
    expect(index.get('/a.jsonl', 'scan')).toBeNull();
  });
});

describe('a scan', () => {
  it('takes over what another process has read, and reads only what came since', () => {
    const builder = new TranscriptBuilder();
    for (let turn = 0; turn < 50; turn += 1) {
      builder.prompt(`Prompt ${turn}`);
      builder.reply('Reply.');
    }
    const file = join(folder, 'session.jsonl');
    writeFileSync(file, builder.text());
    const outlines = new MemoryOutlines();
    const first = new TranscriptScan(file, { outlines });
    first.update();
    first.cache();
    // What stands in the file by now is another text of the same length: whoever reads it again, sees it.
    const before = builder.text();
    builder.prompt('The last one');
    writeFileSync(file, builder.text().replace(before, before.replaceAll('Prompt 7"', 'PROMPT 7"')));
    const next = new TranscriptScan(file, { outlines });
    next.update();
    const prompts = next.transcript.entries.flatMap(({ facts }) => facts.prompt?.text ?? []);
    expect([prompts[7], prompts.at(-1), prompts.length]).toEqual(['Prompt 7', 'The last one', 51]);
  });

  it('reads a file anew that took the place of the one that was read', () => {
    const file = join(folder, 'session.jsonl');
    const outlines = new MemoryOutlines();
    const write = (prompt: string) => {
      const builder = new TranscriptBuilder();
      builder.prompt(prompt);
      builder.reply('Reply.');
      rmSync(file, { force: true });
      writeFileSync(file, builder.text());
      const scan = new TranscriptScan(file, { outlines });
      scan.update();
      scan.cache();
      return scan.transcript.entries[0]?.facts.prompt?.text;
    };
    expect(write('One')).toBe('One');
    expect(write('Another one, which is longer')).toBe('Another one, which is longer');
  });
});
