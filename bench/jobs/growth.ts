import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Bench, Job } from '../bench.ts';
import { cachedCorpus } from '../corpus/cachedCorpus.ts';
import { rareWord, readingCorpus } from '../corpus/corpora.ts';
import { largeOf } from '../corpus/largeOf.ts';
import { beside, type Figures, runNode } from '../measure.ts';
import { type BenchRow, mb, ms, times } from '../table.ts';

/** The corpora, as parts of the one of the reading jobs: each twice as large as the one before. */
const steps = [0.25, 0.5, 1];

/** How time and memory grow with what there is to read: 1 ×, 2 ×, 4 ×. */
export const growthJob: Job = {
  name: 'growth',
  async run(bench) {
    const measured: { bytes: number; figures: Measured }[] = [];
    for (const step of steps) measured.push(await measure(bench, step * bench.scale));
    const jobs = Object.keys(measured[0]?.figures ?? {}) as (keyof Measured)[];
    return jobs.map((job): BenchRow => {
      const all = measured.map(({ figures }) => figures[job]);
      const [least, most] = [all[0], all.at(-1)];
      const growth = (most?.wallMs ?? 0) / (least?.wallMs ?? 1);
      const memory = (most?.peakBytes ?? 0) / (least?.peakBytes ?? 1);
      return {
        job: `${job}, growing: ${measured.map(({ bytes }) => mb(bytes)).join(', ')}`,
        ours: all.map(({ wallMs, peakBytes }) => `${ms(wallMs)} ${mb(peakBytes ?? 0)}`).join(' → '),
        peer: '',
        ratio: `${times(growth)} time, ${times(memory)} memory`,
        goal: '',
        reached: null,
      };
    });
  },
};

interface Measured {
  list: Figures;
  'list again': Figures;
  open: Figures;
  search: Figures;
}

async function measure(bench: Bench, scale: number): Promise<{ bytes: number; figures: Measured }> {
  const corpus = await cachedCorpus(`reading-${scale}`, readingCorpus(scale));
  const { claudeDir, bytes } = corpus;
  const home = path.join(bench.scratch, `growth-${scale}`);
  const cli = (memory: boolean, ...args: string[]) =>
    runNode([bench.cli, ...args, '--json', '--claude-dir', claudeDir], bench.env(claudeDir, home), memory);
  const [list, again, open, search] = await beside(bench.rounds, [
    async (memory) => {
      await rm(home, { recursive: true, force: true });
      return cli(memory, 'list');
    },
    (memory) => cli(memory, 'list'),
    (memory) => runNode([bench.program('openSession'), largeOf(corpus).path], bench.env(claudeDir, home), memory),
    (memory) => cli(memory, 'search', rareWord),
  ]);
  // Only the whole one is used again.
  if (scale !== bench.scale) await rm(claudeDir, { recursive: true });
  return { bytes, figures: { list, 'list again': again, open, search } };
}
