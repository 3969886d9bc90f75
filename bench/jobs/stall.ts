import { copyFile, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Job } from '../bench.ts';
import { cachedCorpus } from '../corpus/cachedCorpus.ts';
import { rareWord, readingCorpus } from '../corpus/corpora.ts';
import { largeOf } from '../corpus/largeOf.ts';
import { median, runNode } from '../measure.ts';
import { ms } from '../table.ts';

type Stalls = Record<string, { p99: number; max: number; ms: number }>;

/** Longest that an extension host may be deaf, in milliseconds: one frame. */
const limit = 16;

/** How long the thread of the extension host can't answer while sessions are listed, opened, searched and grow. */
export const stallJob: Job = {
  name: 'stall',
  async run(bench) {
    const corpus = await cachedCorpus(`reading-${bench.scale}`, readingCorpus(bench.scale));
    const dir = path.join(bench.scratch, 'stall');
    const home = path.join(dir, 'home');
    const copy = path.join(dir, path.basename(largeOf(corpus).file));
    await mkdir(dir, { recursive: true });
    await copyFile(largeOf(corpus).path, copy);
    const runs: Stalls[] = [];
    for (let round = 0; round < bench.rounds; round += 1) {
      await rm(home, { recursive: true, force: true });
      const args = [bench.program('stalls'), corpus.claudeDir, copy, rareWord];
      const { stdout } = await runNode(args, bench.env(corpus.claudeDir, home));
      runs.push(JSON.parse(stdout) as Stalls);
    }
    await rm(dir, { recursive: true });
    return Object.keys(runs[0] ?? {}).map((name) => {
      const of = (field: 'p99' | 'max' | 'ms') => median(runs.map((run) => run[name]?.[field] ?? 0));
      return {
        job: `event loop during “${name}”`,
        ours: `p99 ${ms(of('p99'))}, longest ${ms(of('max'))}`,
        peer: '',
        ratio: `of ${ms(of('ms'))}`,
        goal: `p99 ≤ ${limit} ms`,
        reached: of('p99') <= limit,
      };
    });
  },
};
