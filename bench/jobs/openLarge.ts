import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Bench, type Job, peerProgram } from '../bench.ts';
import { type CachedCorpus, cachedCorpus } from '../corpus/cachedCorpus.ts';
import { largeSession, readingCorpus } from '../corpus/corpora.ts';
import { largeOf } from '../corpus/largeOf.ts';
import { beside, runCommand, runNode } from '../measure.ts';
import { mb, wholeRow } from '../table.ts';

/**
 * Opens a session of 300 MB: its list of turns, and 50 turns as a whole; for the first time without an index, and when it was
 * opened before. What `forkpoint index` has understood was never opened, and is opened like the latter. Of a
 * session that was compacted the peer returns what came after the last compaction, which is another job: the goal is about a
 * session without one.
 */
export const openJob: Job = {
  name: 'open',
  async run(bench) {
    const { scale } = bench;
    const corpus = await cachedCorpus(`large-session-${scale}`, largeSession(scale));
    const whole = await open(bench, corpus);
    const ahead = await openIndexed(bench, corpus);
    const compacted = await open(bench, await cachedCorpus(`reading-${scale}`, readingCorpus(scale)));
    const goal = { time: 0.1, memory: 0.1 };
    return [
      wholeRow(`${whole.job}, first time`, whole.first, 'getSessionMessages', whole.peer),
      wholeRow(`${whole.job}, first time, indexed`, ahead.first, 'getSessionMessages', ahead.peer, goal),
      wholeRow(`${whole.job}, again`, whole.again, 'getSessionMessages', whole.peer, goal),
      wholeRow(`${whole.job}, again`, whole.again, 'wc -l', whole.wc),
      wholeRow(`${whole.job}, compacted, again`, compacted.again, 'getSessionMessages, the end', compacted.peer),
    ];
  },
};

async function open(bench: Bench, corpus: CachedCorpus) {
  const large = largeOf(corpus);
  const home = path.join(bench.scratch, 'open');
  const openIt = (memory: boolean) => openIn(bench, corpus, home, memory);
  const [first, again, peer, wc] = await beside(bench.rounds, [
    async (memory) => {
      await rm(home, { recursive: true, force: true });
      return openIt(memory);
    },
    openIt,
    (memory) => openByPeer(bench, corpus, memory),
    () => runCommand('wc', ['-l', large.path]),
  ]);
  const opened = JSON.parse(again.stdout.trimEnd().split('\n').at(-1) ?? '') as { turns: number; whole: number };
  if (opened.turns !== large.turns || opened.whole !== Math.min(50, large.turns))
    throw new Error(`Opened ${opened.turns} turns, ${opened.whole} of them whole; ${large.turns} were written.`);
  return { job: `open ${mb(large.bytes)}: list of ${large.turns} turns, 50 of them whole`, first, again, peer, wc };
}

/** Opens it each time in a home that was indexed, and in which nothing was opened since. */
async function openIndexed(bench: Bench, corpus: CachedCorpus) {
  const indexed = path.join(bench.scratch, 'open-indexed');
  const home = path.join(bench.scratch, 'open-first');
  const index = ['index', '--json', '--claude-dir', corpus.claudeDir];
  await runNode([bench.cli, ...index], bench.env(corpus.claudeDir, indexed));
  const [first, peer] = await beside(bench.rounds, [
    async (memory) => {
      await rm(home, { recursive: true, force: true });
      await cp(indexed, home, { recursive: true });
      return openIn(bench, corpus, home, memory);
    },
    (memory) => openByPeer(bench, corpus, memory),
  ]);
  return { first, peer };
}

function openIn(bench: Bench, corpus: CachedCorpus, home: string, memory: boolean) {
  const program = bench.program('openSession');
  return runNode([program, largeOf(corpus).path], bench.env(corpus.claudeDir, home), memory);
}

function openByPeer(bench: Bench, corpus: CachedCorpus, memory: boolean) {
  const program = peerProgram('getSessionMessages');
  return runNode([program, bench.sdk, largeOf(corpus).sessionId], bench.env(corpus.claudeDir), memory);
}
