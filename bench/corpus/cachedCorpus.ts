import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Corpus, type CorpusOptions, writeCorpus } from './writeCorpus.ts';

/** Everything that the bench writes lies below this folder; it may be deleted at any time. */
export const benchFolder = path.join(tmpdir(), 'forkpoint-bench');

export interface CachedCorpus extends Corpus {
  /** Absolute path of the config folder: the parent of `projects`. */
  claudeDir: string;
}

/** What the bytes of a corpus depend on: the options, and the generator itself. */
async function keyOf(options: CorpusOptions): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(options));
  const sources = (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.ts')).sort();
  for (const name of sources) hash.update(await readFile(path.join(import.meta.dirname, name)));
  return hash.digest('hex').slice(0, 12);
}

/**
 * The corpus of these options, written unless an earlier run left it. Earlier ones of that name are deleted.
 * Nobody may change it: what a job wants to write to, it copies.
 */
export async function cachedCorpus(name: string, options: CorpusOptions): Promise<CachedCorpus> {
  const dir = path.join(benchFolder, `${name}-${await keyOf(options)}`);
  const list = path.join(dir, 'corpus.json');
  if (!existsSync(list)) await write(name, dir, options);
  return { claudeDir: dir, ...(JSON.parse(await readFile(list, 'utf8')) as Corpus) };
}

async function write(name: string, dir: string, options: CorpusOptions): Promise<void> {
  await mkdir(benchFolder, { recursive: true });
  for (const earlier of await readdir(benchFolder)) {
    if (/^(.*)-[0-9a-f]{12}$/.exec(earlier)?.[1] === name)
      await rm(path.join(benchFolder, earlier), { recursive: true, force: true });
  }
  console.log(`Writing ${options.sessions + (options.large ? 1 : 0)} sessions below ${dir}…`);
  const partial = `${dir}.partial-${process.pid}`;
  await writeCorpus(partial, options);
  await rename(partial, dir);
}
