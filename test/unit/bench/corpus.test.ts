import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Corpus, writeCorpus } from '../../../bench/corpus/writeCorpus.ts';
import { parseTranscript } from '../../../src/core/session/parseTranscript.ts';
import { RecordedRequests } from '../../../src/core/session/recordedRequests.ts';
import { sha256, treeOf } from '../../support/transcript.ts';

const options = {
  seed: 7,
  sessions: 8,
  turns: 6,
  bytesPerTurn: 20_000,
  large: { turns: 60, bytes: 600_000, compacted: true },
  rareWord: 'quixotrybble',
};

let dir: string;
let corpus: Corpus;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'forkpoint-corpus-'));
  corpus = await writeCorpus(path.join(dir, 'a'), options);
});

afterAll(() => rm(dir, { recursive: true }));

async function digest(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const hash = createHash('sha256');
  for (const file of files.sort()) hash.update(path.relative(folder, file)).update(await readFile(file));
  return hash.digest('hex');
}

const contents = () => Promise.all(corpus.sessions.map(({ file }) => readFile(path.join(dir, 'a', file))));

test('equal options give equal bytes, on every machine', async () => {
  await writeCorpus(path.join(dir, 'b'), options);
  expect(await digest(path.join(dir, 'b'))).toBe(await digest(path.join(dir, 'a')));
  expect(await digest(path.join(dir, 'a'))).toBe('caff399f6561b7ffc3a8fd4bdd6c1a078deab12153ae04b6e66422f047ed07cf');
});

test('another seed gives other bytes', async () => {
  await writeCorpus(path.join(dir, 'c'), { ...options, seed: 8 });
  expect(await digest(path.join(dir, 'c'))).not.toBe(await digest(path.join(dir, 'a')));
});

test('the turns are those that a whole parse finds', async () => {
  const trees = (await contents()).map((content) => treeOf(content).session);
  const turnIds = trees.map(({ turns }) => turns.map(({ turnId }) => turnId));
  expect(turnIds).toEqual(corpus.sessions.map(({ prompts }) => prompts));
  expect(corpus.turns).toBe(turnIds.flat().length);
  expect(trees.flatMap(({ problems }) => problems)).toEqual([]);
});

test('it has what recordings have: branches, compactions, images, parallel calls, subagents', async () => {
  const texts = (await contents()).map(String);
  const large = treeOf(Buffer.from(texts.at(-1) ?? '')).session;
  expect(large.compactions.length).toBeGreaterThan(1);
  expect(large.branches.length).toBeGreaterThan(1);
  expect(large.turns.some(({ interrupted }) => interrupted)).toBe(true);
  expect(texts.some((text) => text.includes('"type":"base64"'))).toBe(true);
  expect(texts.some((text) => text.includes('isApiErrorMessage'))).toBe(true);
  expect(texts.some((text) => text.includes('<local-command-stdout>'))).toBe(true);
  expect(corpus.subagentFiles).toBeGreaterThan(0);
});

test('every request in its logs is exact', async () => {
  const rebuilt = (await contents()).flatMap((content) => [
    ...new RecordedRequests('file', parseTranscript(content).entries, sha256).all(),
  ]);
  expect(rebuilt.length).toBeGreaterThan(200);
  expect(rebuilt.filter(({ fidelity }) => fidelity !== 'exact')).toEqual([]);
});

test('the rare word stands in one session', async () => {
  const holding = (await contents()).map((content, at) =>
    content.includes(options.rareWord) ? corpus.sessions[at]?.sessionId : undefined,
  );
  expect(holding.filter((id) => id !== undefined)).toEqual([corpus.rareSessionId]);
});
