import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Job } from '../bench.ts';
import { cachedCorpus } from '../corpus/cachedCorpus.ts';
import { rareWord, readingCorpus } from '../corpus/corpora.ts';
import { beside, type ProcessRun, runCommand, runNode } from '../measure.ts';
import { callRow, mb, wholeRow } from '../table.ts';

/** Finds the one session that holds a word: with the whole text indexed, and with no index. */
export const searchJob: Job = {
  name: 'search',
  async run(bench) {
    const corpus = await cachedCorpus(`reading-${bench.scale}`, readingCorpus(bench.scale));
    const projects = path.join(corpus.claudeDir, 'projects');
    const indexed = path.join(bench.scratch, 'search-indexed');
    const bare = path.join(bench.scratch, 'search-bare');
    const search = async (home: string, memory: boolean) => {
      const args = ['search', rareWord, '--json', '--claude-dir', corpus.claudeDir];
      const run = await runNode([bench.cli, ...args], bench.env(corpus.claudeDir, home), memory);
      const found = sessionsFound(run);
      if (found.length === 1 && found[0] === corpus.rareSessionId) return run;
      throw new Error(
        `Found ${rareWord} in ${found.join(', ') || 'no session'}; it stands in ${corpus.rareSessionId}.`,
      );
    };
    const rg = () => runCommand('rg', ['-l', rareWord, projects]);
    const index = ['index', '--json', '--claude-dir', corpus.claudeDir];
    const built = await runNode([bench.cli, ...index], bench.env(corpus.claudeDir, indexed), true);
    const [ready, rgReady] = await beside(bench.rounds, [(memory) => search(indexed, memory), rg]);
    const [inCall, rgInCall] = await beside(bench.rounds, [
      () => runNode([bench.program('searchOnce'), corpus.claudeDir, rareWord], bench.env(corpus.claudeDir, indexed)),
      rg,
    ]);
    const [scan, rgScan, grep] = await beside(bench.rounds, [
      async (memory) => {
        await rm(bare, { recursive: true, force: true });
        return search(bare, memory);
      },
      rg,
      () => runCommand('grep', ['-rl', rareWord, projects]),
    ]);
    const job = `search a rare word in ${mb(corpus.bytes)}`;
    return [
      wholeRow(`${job}, index ready`, ready, 'rg -l', rgReady, { time: 1 }),
      callRow(`${job}, index ready`, inCall.callMs ?? 0, 'rg -l', rgInCall.wallMs, 1),
      wholeRow(`${job}, no index`, scan, 'rg -l', rgScan, { time: 2.5 }),
      wholeRow(`${job}, no index`, scan, 'grep -rl', grep),
      wholeRow('index the text of all sessions, once', built, 'rg -l', rgScan),
    ];
  },
};

function sessionsFound({ stdout }: ProcessRun): string[] {
  const { hits } = JSON.parse(stdout) as { hits: { sessionId: string }[] };
  return [...new Set(hits.map(({ sessionId }) => sessionId))];
}
