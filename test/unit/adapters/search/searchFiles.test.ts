import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fileStamp } from '../../../../src/adapters/fileStamp.ts';
import { FileSearcher, wholeFile } from '../../../../src/adapters/search/fileSearcher.ts';
import { planSearch } from '../../../../src/adapters/search/planSearch.ts';
import { TextIndex } from '../../../../src/adapters/search/textIndex.ts';
import type { Transcript } from '../../../../src/adapters/search/transcriptFiles.ts';
import { updateTextIndex } from '../../../../src/adapters/search/updateTextIndex.ts';
import { foldCase } from '../../../../src/core/search/foldCase.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forkpoint-search-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const words = [
  'Slug',
  'slug',
  'SLUGIFY',
  'é',
  'É',
  '日本語',
  'Straße',
  'İstanbul',
  'ΑΣ',
  'ς',
  'a"b',
  'c\\d',
  '\u001b[1m',
  'К',
  '\u212a',
  '/path',
  '🦀',
  'xx',
];
const text = fc
  .array(fc.oneof(fc.constantFrom(...words), fc.constantFrom(' ', '\n', '-', '')), { minLength: 1, maxLength: 12 })
  .map((parts) => parts.join(''));

type Block = { kind: string; text: string; block: unknown };

const block: fc.Arbitrary<Block> = fc.oneof(
  text.map((value) => ({ kind: 'reply', text: value, block: { type: 'text', text: value } })),
  text.map((value) => ({
    kind: 'thinking',
    text: value,
    block: { type: 'thinking', thinking: value, signature: 'slugsig' },
  })),
  text.map((value) => ({
    kind: 'tool input',
    text: value,
    block: { type: 'tool_use', id: 'toolu_slug', name: 'Slug', input: { deep: [{ value }] } },
  })),
  text.map((value) => ({ kind: 'none', text: '', block: { type: 'image', source: { type: 'base64', data: value } } })),
);

let made = 0;
const line = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(block, { minLength: 1, maxLength: 3 }).map((blocks) => ({ type: 'assistant', blocks })),
  },
  {
    weight: 2,
    arbitrary: text.map((value) => ({ type: 'user', blocks: [{ kind: 'prompt', text: value, block: value }] })),
  },
  // What is written down of requests and of attachments repeats texts and is not searched.
  {
    weight: 1,
    arbitrary: text.map((value) => ({
      type: 'api-request-blob',
      blocks: [{ kind: 'none', text: value, block: value }],
    })),
  },
);

interface Written {
  uuid: string;
  texts: { kind: string; text: string }[];
  bytes: string;
}

function write({ type, blocks }: { type: string; blocks: Block[] }): Written {
  made += 1;
  const uuid = `u${made}`;
  const content = type === 'assistant' ? blocks.map((each) => each.block) : blocks[0]?.block;
  const record = { type, uuid, message: { role: type, content }, toolUseResult: 'slug' };
  const shown = blocks.filter(({ kind, text: value }) => kind !== 'none' && !(kind === 'prompt' && value === ''));
  return { uuid, texts: shown, bytes: `${JSON.stringify(record)}\n` };
}

/** What anyone would write who has the time: parse nothing, look at what was put in. */
function naive(files: Map<string, Written[]>, query: string): string[] {
  const exact = foldCase(query) !== query;
  const fold = (value: string): string => (exact ? value : foldCase(value));
  return [...files].flatMap(([file, lines]) =>
    lines.flatMap(({ uuid, texts }, at) =>
      texts.flatMap(({ kind, text: value }) =>
        fold(value).includes(query) ? `${file}:${at + 1}:${uuid}:${kind}` : [],
      ),
    ),
  );
}

function transcriptOf(file: string): Transcript[] {
  const state = fileStamp(file);
  return state === null ? [] : [{ file, sessionFile: file, state }];
}

async function updated(
  index: TextIndex,
  files: Iterable<string>,
  pieceBytes = 300,
  pause: () => Promise<void> = async () => {},
): Promise<void> {
  for await (const _progress of updateTextIndex(index, [...files], { pieceBytes, pause }));
}

function search(files: Iterable<string>, query: string, index: TextIndex | null, bufferBytes?: number): string[] {
  const plans = planSearch([...files].flatMap(transcriptOf), query, index);
  return plans.flatMap(({ file, pieces }) => {
    const found = [...new FileSearcher(query, bufferBytes === undefined ? {} : { bufferBytes }).search(file, pieces)];
    return found.flat().map((hit) => `${file}:${hit.line}:${hit.uuid}:${hit.kind}`);
  });
}

const query = fc.oneof(
  fc.constantFrom(...words),
  text.filter((value) => value.trim() !== '').map((value) => value.trim().slice(0, 9).toWellFormed()),
  fc.constantFrom('slu', 'lug', 'ug', 'g', 'uuid', 'type', 'toolu_slug', 'u1', '\\', '"', '\ufffd', 'å', '語'),
);

type Step =
  | { do: 'append' | 'replace'; file: number; lines: { type: string; blocks: Block[] }[] }
  | { do: 'truncate' | 'remove' | 'index' | 'copy'; file: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('append' as const),
    file: fc.nat(2),
    lines: fc.array(line, { minLength: 1, maxLength: 6 }),
  }),
  fc.record({
    do: fc.constant('replace' as const),
    file: fc.nat(2),
    lines: fc.array(line, { minLength: 1, maxLength: 6 }),
  }),
  fc.record({
    do: fc.constantFrom('truncate' as const, 'remove' as const, 'index' as const, 'copy' as const),
    file: fc.nat(2),
  }),
);

/** Does a step on disk and in the model. */
async function apply(files: Map<string, Written[]>, at: Step, index: TextIndex): Promise<void> {
  const file = join(folder, `${at.file}.jsonl`);
  const lines = files.get(file) ?? [];
  if (at.do === 'append') {
    const more = at.lines.map(write);
    appendFileSync(file, more.map(({ bytes }) => bytes).join(''));
    files.set(file, [...lines, ...more]);
  } else if (at.do === 'replace') {
    const other = at.lines.map(write);
    writeFileSync(file, other.map(({ bytes }) => bytes).join(''));
    files.set(file, other);
  } else if (at.do === 'truncate' && lines.length > 0) {
    const kept = lines.slice(0, lines.length >> 1);
    truncateSync(file, Buffer.byteLength(kept.map(({ bytes }) => bytes).join('')));
    files.set(file, kept);
  } else if (at.do === 'copy' && lines.length > 0) {
    // The same bytes as another file of the same name, as a restore from a backup leaves it.
    writeFileSync(`${file}.new`, readFileSync(file));
    renameSync(`${file}.new`, file);
  } else if (at.do === 'remove') {
    rmSync(file, { force: true });
    files.delete(file);
  } else if (at.do === 'index') {
    await updated(index, files.keys());
  }
}

describe('search through the index, without it, and by hand', () => {
  test('find the same, whatever is appended, replaced, cut off, removed or copied', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 10 }),
        fc.array(query, { minLength: 1, maxLength: 4 }),
        async (steps, queries) => {
          rmSync(folder, { recursive: true, force: true });
          mkdirSync(folder);
          const files = new Map<string, Written[]>();
          const index = new TextIndex(join(folder, 'index'));
          try {
            for (const each of [...steps, { do: 'append', file: 0, lines: [] } as Step]) {
              await apply(files, each, index);
              for (const wanted of queries) {
                const expected = naive(files, wanted).sort();
                expect(search(files.keys(), wanted, null).sort()).toEqual(expected);
                expect(search(files.keys(), wanted, null, 200).sort()).toEqual(expected);
                expect(search(files.keys(), wanted, index).sort()).toEqual(expected);
              }
            }
          } finally {
            index.close();
          }
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);
});

describe('what the index spares', () => {
  function writeMany(name: string, count: number, rare: number): string {
    const file = join(folder, name);
    const lines = Array.from({ length: count }, (_, at) =>
      write({
        type: 'user',
        blocks: [{ kind: 'prompt', text: '', block: at === rare ? 'a quixotic word' : `prompt ${at}` }],
      }),
    );
    writeFileSync(file, lines.map(({ bytes }) => bytes).join(''));
    return file;
  }

  test('only parts that may hold the text are read', async () => {
    const file = writeMany('a.jsonl', 200, 120);
    const index = new TextIndex(join(folder, 'index'));
    await updated(index, [file], 2000);
    const [plan] = planSearch(transcriptOf(file), 'quixotic', index);
    expect(plan?.pieces).toHaveLength(1);
    expect(plan?.bytes).toBeLessThan(3000);
    expect(planSearch(transcriptOf(file), 'nowhere at all', index)).toEqual([]);
    index.close();
  });

  test('a grown file is read from where it was read last', async () => {
    const file = writeMany('a.jsonl', 200, 120);
    const index = new TextIndex(join(folder, 'index'));
    await updated(index, [file], 2000);
    const before = index.files()?.get(file);
    appendFileSync(file, write({ type: 'user', blocks: [{ kind: 'prompt', text: '', block: 'appended' }] }).bytes);
    const [plan] = planSearch(transcriptOf(file), 'quixotic', index);
    expect(plan?.pieces.at(-1)).toEqual({ start: before?.end, end: null, line: 201 });
    expect(plan?.pieces).toHaveLength(2);
    await updated(index, [file], 2000);
    expect(index.files()?.get(file)).toMatchObject({ id: before?.id, line: 202 });
    index.close();
  });

  test('an index that is cut short in mid-file still finds everything', async () => {
    const file = writeMany('a.jsonl', 2000, 1900);
    const index = new TextIndex(join(folder, 'index'));
    let paused = 0;
    const pause = async (): Promise<void> => {
      paused += 1;
      if (paused === 12) throw new Error('cut short');
    };
    await expect(updated(index, [file], 1000, pause)).rejects.toThrow('cut short');
    expect(index.files()?.get(file)).toMatchObject({ state: null, usable: true });
    expect(search([file], 'quixotic', index)).toHaveLength(1);
    index.close();
  });

  test('a line that is still being written is found once it is complete', async () => {
    const file = writeMany('a.jsonl', 3, 0);
    const index = new TextIndex(join(folder, 'index'));
    const { bytes } = write({ type: 'user', blocks: [{ kind: 'prompt', text: '', block: 'torn quixotic' }] });
    appendFileSync(file, bytes.slice(0, 60));
    await updated(index, [file]);
    appendFileSync(file, bytes.slice(60));
    expect(search([file], 'quixotic', index)).toHaveLength(2);
    await updated(index, [file]);
    expect(search([file], 'quixotic', index)).toHaveLength(2);
    index.close();
  });
});

describe('odd files', () => {
  const prompt = (value: string): string =>
    write({ type: 'user', blocks: [{ kind: 'prompt', text: '', block: value }] }).bytes;

  test.each(['utf16le', 'utf8'] as const)('%s is searched, with and without an index', async (encoding) => {
    const file = join(folder, 'a.jsonl');
    writeFileSync(file, Buffer.from(`\ufeff${prompt('first')}${prompt('a Quixotic word')}`, encoding));
    const index = new TextIndex(join(folder, 'index'));
    await updated(index, [file]);
    for (const each of [null, index]) expect(search([file], 'quixotic', each)).toHaveLength(1);
    index.close();
  });

  test('a damaged line is searched as far as it was recovered', async () => {
    const file = join(folder, 'a.jsonl');
    const [spliced, joined] = [prompt('lost quixotic').slice(0, 50), prompt('joined quixotic').trimEnd()];
    writeFileSync(
      file,
      `${prompt('one')}${spliced}${joined}${prompt('next quixotic')}garbage quixotic\n${prompt('last quixotic')}`,
    );
    const index = new TextIndex(join(folder, 'index'));
    await updated(index, [file]);
    for (const each of [null, index]) expect(search([file], 'quixotic', each)).toHaveLength(3);
    index.close();
  });

  test('a line longer than what is read at a time is found once, with its number', () => {
    const file = join(folder, 'a.jsonl');
    writeFileSync(
      file,
      `${prompt('one')}${prompt(`${'x'.repeat(3_000_000)}quixotic${'y'.repeat(2_000_000)}quixotic`)}${prompt('quixotic')}`,
    );
    expect(search([file], 'quixotic', null).map((hit) => hit.split(':')[1])).toEqual(['2', '3']);
    expect([...new FileSearcher('quixotic').search(file, [wholeFile])].flat()).toHaveLength(2);
  });
});
