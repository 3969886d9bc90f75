import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Job, peerProgram } from '../bench.ts';
import { cachedCorpus } from '../corpus/cachedCorpus.ts';
import { readingCorpus } from '../corpus/corpora.ts';
import { largeOf } from '../corpus/largeOf.ts';
import { beside, runCommand, runNode } from '../measure.ts';
import { callRow, mb, wholeRow } from '../table.ts';

/** Early enough that nearly all of the file lies behind it, late enough to have a history. */
const turn = 20;

/** What a fork of the largest session before one of its first turns sends. */
export const earlyForkJob: Job = {
  name: 'fork',
  async run(bench) {
    const corpus = await cachedCorpus(`reading-${bench.scale}`, readingCorpus(bench.scale));
    const large = largeOf(corpus);
    // The peer writes its fork beside the source, so it gets a copy.
    const peerDir = path.join(bench.scratch, 'fork-peer');
    const copy = path.join(peerDir, large.file);
    await mkdir(path.dirname(copy), { recursive: true });
    await copyFile(large.path, copy);
    const upTo = large.prompts[turn - 1] ?? '';
    const removeForks = async () => {
      for (const name of await readdir(path.dirname(copy)))
        if (name !== path.basename(copy)) await rm(path.join(path.dirname(copy), name), { recursive: true });
    };
    const home = path.join(bench.scratch, 'fork');
    const request = (memory: boolean) =>
      runNode(
        [bench.cli, 'request', large.path, '--turn', String(turn), '--json', '--claude-dir', corpus.claudeDir],
        bench.env(corpus.claudeDir, home),
        memory,
      );
    // The session was opened before, by the one who looked for the turn.
    await request(false);
    const [ours, peer, cp] = await beside(bench.rounds, [
      request,
      async (memory) => {
        await removeForks();
        return runNode([peerProgram('forkSession'), bench.sdk, large.sessionId, upTo], bench.env(peerDir), memory);
      },
      () => runCommand('cp', [large.path, path.join(bench.scratch, 'copy')]),
    ]);
    const [inCall] = await beside(bench.rounds, [
      () => runNode([bench.program('earlyFork'), large.path, String(turn)], bench.env(corpus.claudeDir, home)),
    ]);
    await rm(path.join(bench.scratch, 'copy'));
    await rm(peerDir, { recursive: true });
    const { fidelity, digestVerified } = JSON.parse(ours.stdout) as { fidelity: string; digestVerified: boolean };
    if (fidelity !== 'exact' || !digestVerified) throw new Error(`The request is ${fidelity}, but its log is whole.`);
    const job = `request of a fork before turn ${turn} of ${large.turns} (${mb(large.bytes)})`;
    return [
      wholeRow(job, ours, 'forkSession', peer, { time: 0.05 }),
      callRow(`${job}, the session open`, inCall.callMs ?? 0, 'forkSession', peer.callMs ?? 0, 0.05),
      wholeRow(job, ours, 'cp', cp),
    ];
  },
};
