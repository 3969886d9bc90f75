import path from 'node:path';
import { type Bench, type Job, peerProgram } from '../bench.ts';
import { type CachedCorpus, cachedCorpus } from '../corpus/cachedCorpus.ts';
import { largeSession, readingCorpus } from '../corpus/corpora.ts';
import { largeOf } from '../corpus/largeOf.ts';
import { beside, runCommand, runNode } from '../measure.ts';
import { mb, wholeRow } from '../table.ts';

/**
 * Opens a session of 300 MB: its list of turns, and 50 turns as a whole. Of a session that was compacted the peer returns what
 * came after the last compaction, which is another job: the goal is about a session without one.
 */
export const openJob: Job = {
  name: 'open',
  async run(bench) {
    const { scale } = bench;
    const whole = await open(bench, await cachedCorpus(`large-session-${scale}`, largeSession(scale)));
    const compacted = await open(bench, await cachedCorpus(`reading-${scale}`, readingCorpus(scale)));
    return [
      wholeRow(whole.job, whole.ours, 'getSessionMessages', whole.peer, { time: 0.1, memory: 0.1 }),
      wholeRow(whole.job, whole.ours, 'wc -l', whole.wc),
      wholeRow(`${compacted.job}, compacted`, compacted.ours, 'getSessionMessages, the end', compacted.peer),
    ];
  },
};

async function open(bench: Bench, corpus: CachedCorpus) {
  const large = largeOf(corpus);
  const home = path.join(bench.scratch, 'open');
  const [ours, peer, wc] = await beside(bench.rounds, [
    (memory) => runNode([bench.program('openSession'), large.path], bench.env(corpus.claudeDir, home), memory),
    (memory) =>
      runNode([peerProgram('getSessionMessages'), bench.sdk, large.sessionId], bench.env(corpus.claudeDir), memory),
    () => runCommand('wc', ['-l', large.path]),
  ]);
  const opened = JSON.parse(ours.stdout.trimEnd().split('\n').at(-1) ?? '') as { turns: number; whole: number };
  if (opened.turns !== large.turns || opened.whole !== Math.min(50, large.turns))
    throw new Error(`Opened ${opened.turns} turns, ${opened.whole} of them whole; ${large.turns} were written.`);
  return { job: `open ${mb(large.bytes)}: list of ${large.turns} turns, 50 of them whole`, ours, peer, wc };
}
