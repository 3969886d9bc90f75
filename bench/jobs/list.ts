import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type Bench, type Job, peerProgram } from '../bench.ts';
import { type CachedCorpus, cachedCorpus } from '../corpus/cachedCorpus.ts';
import { readingCorpus } from '../corpus/corpora.ts';
import { beside, runCommand, runNode } from '../measure.ts';
import { callRow, mb, wholeRow } from '../table.ts';

/** Lists all sessions with exact turn counts: without an index, and again when nothing has changed. */
export const listJob: Job = {
  name: 'list',
  async run(bench) {
    const corpus = await cachedCorpus(`reading-${bench.scale}`, readingCorpus(bench.scale));
    await checkCounts(bench, corpus);
    const env = bench.env(corpus.claudeDir);
    const home = path.join(bench.scratch, 'list');
    const files = corpus.sessions.map(({ file }) => path.join(corpus.claudeDir, file));
    const list = (memory: boolean) =>
      runNode(
        [bench.cli, 'list', '--json', '--claude-dir', corpus.claudeDir],
        bench.env(corpus.claudeDir, home),
        memory,
      );
    const without = async (memory: boolean) => {
      await rm(home, { recursive: true, force: true });
      return list(memory);
    };
    const sdk = (memory: boolean) => runNode([peerProgram('listSessions'), bench.sdk], env, memory);
    const lines = () => runCommand('wc', ['-l', ...files]);
    const [first, peer, wc] = await beside(bench.rounds, [without, sdk, lines]);
    const [again, peerAgain, wcAgain] = await beside(bench.rounds, [list, sdk, lines]);
    const [calls, peerCalls] = await beside(bench.rounds, [
      () => runNode([bench.program('listAgain'), corpus.claudeDir], bench.env(corpus.claudeDir, home)),
      () => runNode([peerProgram('listSessions'), bench.sdk, 'again'], env),
    ]);
    const size = `${corpus.sessions.length} sessions, ${mb(corpus.bytes)}`;
    return [
      wholeRow(`list ${size}, no index yet`, first, 'listSessions', peer, { time: 0.3, memory: 0.2 }),
      wholeRow(`list ${size}, no index yet`, first, 'wc -l', wc, { time: 3 }),
      wholeRow('list again, nothing changed', again, 'listSessions', peerAgain, { time: 0.03 }),
      wholeRow('list again, nothing changed', again, 'wc -l', wcAgain, { time: 0.3 }),
      callRow('list again, nothing changed', calls.callMs ?? 0, 'listSessions', peerCalls.callMs ?? 0, 0.03),
    ];
  },
};

/** @throws Error unless the fast path counts as many turns in each session as were written and as a whole parse finds */
async function checkCounts(bench: Bench, corpus: CachedCorpus): Promise<void> {
  const env = bench.env(corpus.claudeDir, path.join(bench.scratch, 'counts'));
  const { stdout } = await runNode([bench.program('countTurns'), corpus.claudeDir], env);
  const counted = new Map(JSON.parse(stdout) as [string, { listed: number; parsed: number }][]);
  for (const { sessionId, turns } of corpus.sessions) {
    const { listed, parsed } = counted.get(sessionId) ?? { listed: 0, parsed: 0 };
    if (listed === turns && parsed === turns) continue;
    throw new Error(`${sessionId}: ${turns} turns were written, ${listed} are listed, a whole parse finds ${parsed}.`);
  }
  console.log(`Turn counts of ${corpus.sessions.length} sessions are exact: ${corpus.turns} in all.`);
}
