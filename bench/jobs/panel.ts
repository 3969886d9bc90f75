import path from 'node:path';
import { launchBrowser } from '../../test/e2e/support/browser.ts';
import { type Bench, type Job, peerProgram } from '../bench.ts';
import { cachedCorpus } from '../corpus/cachedCorpus.ts';
import { manyTurns } from '../corpus/corpora.ts';
import { largeOf } from '../corpus/largeOf.ts';
import { Random } from '../corpus/random.ts';
import { TextPool } from '../corpus/textPool.ts';
import { beside, median, runNode } from '../measure.ts';
import { type BenchRow, callRow, mb, wholeRow } from '../table.ts';

const turns = 10_000;

/**
 * The fork panel over a session of 10,000 turns: the host's side of opening it, and the built webview in a real Chromium with
 * a scripted host behind its message channel. Beside that, one row a turn in the same markup, all put into the page.
 */
export const panelJob: Job = {
  name: 'panel',
  async run(bench) {
    const { list, panel, naive, inPage } = await draw(bench);
    const shown = `fork panel over ${turns} turns, ${inPage} rows in the page`;
    const every = `${turns} rows in the page`;
    return [
      callRow(`${shown}: its list`, list, every, naive, 0.05),
      callRow(`${shown}: all of it`, panel, every, naive, null),
      await hostRow(bench),
    ];
  },
};

/** Medians in milliseconds. */
async function draw(bench: Bench): Promise<{ list: number; panel: number; naive: number; inPage: number }> {
  const webview = path.join(path.dirname(bench.cli), 'webview');
  const random = new Random(4);
  const pool = new TextPool(4);
  const texts = Array.from({ length: 997 }, () => pool.prose(random, random.between(5, 60)));
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    await page.setViewportSize({ width: 1100, height: 900 });
    const failures: string[] = [];
    page.on('pageerror', (error) => failures.push(String(error)));
    await page.addStyleTag({ path: path.join(webview, 'forkPanel.css') });
    await page.addScriptTag({ path: path.join(import.meta.dirname, '../panelPage.js') });
    // A turn is a prompt and a reply, at least.
    await page.evaluate(`bench.prepare(${2 * turns}, ${JSON.stringify(texts)})`);
    await page.addScriptTag({ path: path.join(webview, 'forkPanel.js') });
    const rounds: { list: number; panel: number; naive: number; inPage: number }[] = [];
    for (let round = -1; round < bench.rounds; round += 1) {
      const panel = await page.evaluate<{ ms: number; rows: number }>('bench.panel()');
      const list = await page.evaluate<number>('bench.list()');
      const naive = await page.evaluate<number>(`bench.naive(${turns})`);
      if (failures.length > 0) throw new Error(failures.join('\n'));
      if (round >= 0) rounds.push({ list, panel: panel.ms, naive, inPage: panel.rows });
    }
    const middle = (name: 'list' | 'panel' | 'naive' | 'inPage') => median(rounds.map((round) => round[name]));
    return { list: middle('list'), panel: middle('panel'), naive: middle('naive'), inPage: middle('inPage') };
  } finally {
    await browser.close();
  }
}

async function hostRow(bench: Bench): Promise<BenchRow> {
  const corpus = await cachedCorpus('many-turns', manyTurns(turns));
  const large = largeOf(corpus);
  const env = bench.env(corpus.claudeDir);
  const [ours, peer] = await beside(bench.rounds, [
    (memory) => runNode([bench.program('panelHost'), large.path], env, memory),
    (memory) => runNode([peerProgram('getSessionMessages'), bench.sdk, large.sessionId], env, memory),
  ]);
  return wholeRow(`its host: read ${mb(large.bytes)}, first 40 rows`, ours, 'getSessionMessages', peer);
}
